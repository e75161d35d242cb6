"""Optimizers that keep only the sign of their step, from their papers."""

from typing import Any

import numpy as np

from tests.optim.equations.case import FACTORS, STEPS, Array, Case, Gradients


def lion(theta: Array, gradient: Gradients, s: dict[str, Any]) -> Array:
    """2302.06675, algorithm 2."""
    (b1, b2), m = s["betas"], np.zeros_like(theta)
    for t in range(1, STEPS + 1):
        g = gradient(t)
        step = np.sign(b1 * m + (1 - b1) * g)
        theta = theta - s["lr"] * FACTORS[t - 1] * (step + s["weight_decay"] * theta)
        m = b2 * m + (1 - b2) * g
    return theta


def signum(theta: Array, gradient: Gradients, s: dict[str, Any]) -> Array:
    """1802.04434, algorithm 2, with decoupled decay."""
    m = np.zeros_like(theta)
    for t in range(1, STEPS + 1):
        m = s["momentum"] * m + (1 - s["momentum"]) * gradient(t)
        theta = theta - s["lr"] * FACTORS[t - 1] * (np.sign(m) + s["weight_decay"] * theta)
    return theta


CASES = [
    Case("lion", lion),
    Case("lion", lion, {"betas": [0.5, 0.9], "weight_decay": 0.0}),
    Case("signum", signum),
    Case("signum", signum, {"momentum": 0.5, "weight_decay": 3.0}),
]
