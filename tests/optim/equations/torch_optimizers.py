"""SGD, Adam and its nearest relatives: the classes of torch.optim."""

from math import prod, sqrt
from typing import Any

import numpy as np

from tests.optim.equations.case import FACTORS, STEPS, Array, Case, Gradients


def sgd(theta: Array, gradient: Gradients, s: dict[str, Any]) -> Array:
    """Polyak's heavy ball and Nesterov's form; L2 in the gradient."""
    buffer = np.zeros_like(theta)
    for t in range(1, STEPS + 1):
        g = gradient(t) + s["weight_decay"] * theta
        buffer = g if t == 1 else s["momentum"] * buffer + (1 - s["dampening"]) * g
        theta = theta - s["lr"] * FACTORS[t - 1] * (g + s["momentum"] * buffer if s["nesterov"] else buffer)
    return theta


def adam(theta: Array, gradient: Gradients, s: dict[str, Any], *, decoupled: bool = False) -> Array:
    """1412.6980, algorithm 1; 1711.05101, algorithm 2 where decoupled; 1904.09237 for the largest v."""
    (b1, b2), m, v, largest = s["betas"], np.zeros_like(theta), np.zeros_like(theta), np.zeros_like(theta)
    for t in range(1, STEPS + 1):
        g = gradient(t) + (0 if decoupled else s["weight_decay"] * theta)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        largest = np.maximum(largest, v) if s["amsgrad"] else v
        update = m / (1 - b1**t) / (np.sqrt(largest / (1 - b2**t)) + s["eps"])
        theta = theta - s["lr"] * FACTORS[t - 1] * (update + (s["weight_decay"] * theta if decoupled else 0))
    return theta


def adamw(theta: Array, gradient: Gradients, s: dict[str, Any]) -> Array:
    return adam(theta, gradient, s, decoupled=True)


def nadam(theta: Array, gradient: Gradients, s: dict[str, Any]) -> Array:
    """Dozat 2016, algorithm 2, with its momentum schedule mu_t = b1 (1 - 0.96^(t psi) / 2)."""
    (b1, b2), m, v = s["betas"], np.zeros_like(theta), np.zeros_like(theta)
    mu = [b1 * (1 - 0.5 * 0.96 ** (t * s["momentum_decay"])) for t in range(1, STEPS + 2)]
    for t in range(1, STEPS + 1):
        decoupled = s["decoupled_weight_decay"]
        g = gradient(t) + (0 if decoupled else s["weight_decay"] * theta)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        mbar = mu[t] * m / (1 - prod(mu[: t + 1])) + (1 - mu[t - 1]) * g / (1 - prod(mu[:t]))
        update = mbar / (np.sqrt(v / (1 - b2**t)) + s["eps"])
        theta = theta - s["lr"] * FACTORS[t - 1] * (update + (s["weight_decay"] * theta if decoupled else 0))
    return theta


def radam(theta: Array, gradient: Gradients, s: dict[str, Any]) -> Array:
    """1908.03265, algorithm 2, with the authors' code's bound on rho (5) and its eps."""
    (b1, b2), m, v = s["betas"], np.zeros_like(theta), np.zeros_like(theta)
    rho_inf = 2 / (1 - b2) - 1
    for t in range(1, STEPS + 1):
        decoupled = s["decoupled_weight_decay"]
        g = gradient(t) + (0 if decoupled else s["weight_decay"] * theta)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        update = m / (1 - b1**t)
        rho = rho_inf - 2 * t * b2**t / (1 - b2**t)
        if rho > 5:
            r = sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
            update = r * update * sqrt(1 - b2**t) / (np.sqrt(v) + s["eps"])
        theta = theta - s["lr"] * FACTORS[t - 1] * (update + (s["weight_decay"] * theta if decoupled else 0))
    return theta


CASES = [
    Case("sgd", sgd),
    Case("sgd", sgd, {"momentum": 0.0, "weight_decay": 0.1}),
    Case("sgd", sgd, {"nesterov": True, "weight_decay": 0.1}),
    Case("sgd", sgd, {"dampening": 0.5}),
    Case("adam", adam),
    Case("adam", adam, {"weight_decay": 0.3, "eps": 0.01}),
    Case("adam", adam, {"amsgrad": True, "betas": [0.5, 0.5]}),
    Case("adamw", adamw),
    Case("adamw", adamw, {"weight_decay": 3.0, "eps": 0.01}),
    Case("adamw", adamw, {"amsgrad": True, "betas": [0.5, 0.5]}),
    Case("adamw_nanogpt", adamw),
    Case("adamw_grokking", adamw),
    Case("nadam", nadam),
    Case("nadam", nadam, {"momentum_decay": 1.0, "eps": 0.01}),
    Case("nadam", nadam, {"decoupled_weight_decay": False, "weight_decay": 0.3}),
    Case("radam", radam),
    Case("radam", radam, {"betas": [0.8, 0.999], "eps": 0.01}),
    Case("radam", radam, {"decoupled_weight_decay": False, "weight_decay": 0.3}),
]
