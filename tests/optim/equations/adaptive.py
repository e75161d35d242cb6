"""Relatives of Adam that torch does not have, from their papers."""

from math import exp, log, sqrt

import numpy as np

from tests.optim.equations.case import FACTORS, STEPS, Array, Case, Gradients
from tuneformer.config.plain import Settings


def rms(x: Array) -> float:
    return float(np.sqrt(np.mean(x**2)))


def adafactor(theta: Array, gradient: Gradients, s: Settings) -> Array:
    """1804.04235, algorithms 4 and 5: a matrix in factors, a vector whole; no momentum."""
    eps1, eps2 = s["eps"]
    R, C, V = np.zeros(len(theta)), np.zeros(theta.shape[-1]), np.zeros_like(theta)
    for t in range(1, STEPS + 1):
        lr, g = s["lr"] * FACTORS[t - 1], gradient(t)
        rho, beta = min(lr, 1 / sqrt(t)), 1 - t ** s["beta2_decay"]
        alpha = max(eps2, rms(theta)) * rho
        squares = g**2 + eps1
        if theta.ndim == 2:
            R = beta * R + (1 - beta) * squares.mean(axis=1)
            C = beta * C + (1 - beta) * squares.mean(axis=0)
            V = np.outer(R, C) / R.mean()
        else:
            V = beta * V + (1 - beta) * squares
        u = g / np.sqrt(V)
        u = u / max(1, rms(u) / s["d"])
        theta = theta * (1 - lr * s["weight_decay"]) - alpha * u
    return theta


def adabelief(theta: Array, gradient: Gradients, s: Settings) -> Array:
    """2010.07468, algorithm 2, with decoupled decay."""
    (b1, b2), m, v = s["betas"], np.zeros_like(theta), np.zeros_like(theta)
    for t in range(1, STEPS + 1):
        lr, g = s["lr"] * FACTORS[t - 1], gradient(t)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * (g - m) ** 2 + s["eps"]
        step = m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + s["eps"])
        theta = theta - lr * (step + s["weight_decay"] * theta)
    return theta


def lamb(theta: Array, gradient: Gradients, s: Settings) -> Array:
    """1904.00962, algorithm 2, phi(z) = min(z, largest_norm)."""
    (b1, b2), m, v = s["betas"], np.zeros_like(theta), np.zeros_like(theta)
    for t in range(1, STEPS + 1):
        g = gradient(t)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        r = (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + s["eps"]) + s["weight_decay"] * theta
        phi = min(np.linalg.norm(theta), s["largest_norm"])
        theta = theta - s["lr"] * FACTORS[t - 1] * phi / np.linalg.norm(r) * r
    return theta


def adam_mini(theta: Array, gradient: Gradients, s: Settings) -> Array:
    """2406.16793, algorithm 2: v_b from the mean of g^2 over block b."""
    (b1, b2), m, theta = s["betas"], np.zeros_like(theta), theta.copy()
    if theta.ndim == 1:
        blocks = [slice(None)]
    elif s["head_pattern"] == "matrix":
        rows = len(theta) // s["n_heads"]
        blocks = [slice(rows * head, rows * (head + 1)) for head in range(s["n_heads"])]
    else:
        blocks = [slice(row, row + 1) for row in range(len(theta))]
    v = np.zeros(len(blocks))
    for t in range(1, STEPS + 1):
        lr, g = s["lr"] * FACTORS[t - 1], gradient(t)
        m = b1 * m + (1 - b1) * g
        before = theta.copy()
        for b, block in enumerate(blocks):
            v[b] = b2 * v[b] + (1 - b2) * np.mean(g[block] ** 2)
            root = sqrt(v[b] / (1 - b2**t)) + s["eps"]
            theta[block] = before[block] - lr * (
                m[block] / (1 - b1**t) / root + s["weight_decay"] * before[block]
            )
    return theta


def stable_adamw(theta: Array, gradient: Gradients, s: Settings) -> Array:
    """2304.13013, algorithm 2."""
    (b1, b2), m, v = s["betas"], np.zeros_like(theta), np.zeros_like(theta)
    for t in range(1, STEPS + 1):
        g = gradient(t)
        hat1, hat2 = (b * (1 - b ** (t - 1)) / (1 - b**t) for b in (b1, b2))
        m = hat1 * m + (1 - hat1) * g
        v = hat2 * v + (1 - hat2) * g**2
        size = sqrt(np.mean(g**2 / np.maximum(v, s["eps"] ** 2)))
        lr = s["lr"] * FACTORS[t - 1] / max(1, size)
        theta = theta - lr * (m / (np.sqrt(v) + s["eps"]) + s["weight_decay"] * theta)
    return theta


def adopt(theta: Array, gradient: Gradients, s: Settings) -> Array:
    """2411.02853, algorithm 2; decoupled decay, at the first step too, as the authors' code."""
    (b1, b2), m = s["betas"], np.zeros_like(theta)
    v = gradient(1) ** 2
    theta = theta * (1 - s["lr"] * FACTORS[0] * s["weight_decay"])
    for t in range(1, STEPS):
        lr, g = s["lr"] * FACTORS[t], gradient(t + 1)
        c = np.clip(g / np.maximum(np.sqrt(v), s["eps"]), -(t ** s["clip_power"]), t ** s["clip_power"])
        m = b1 * m + (1 - b1) * c
        theta = theta - lr * (m + s["weight_decay"] * theta)
        v = b2 * v + (1 - b2) * g**2
    return theta


def ademamix(theta: Array, gradient: Gradients, s: Settings) -> Array:
    """2409.03137, algorithm 1, equation 1 for beta3's warmup."""
    (b1, b2, b3), T = s["betas"], s["t_alpha_beta3"]
    m1, m2, v = np.zeros_like(theta), np.zeros_like(theta), np.zeros_like(theta)
    for t in range(1, STEPS + 1):
        g, part = gradient(t), t / T
        beta3 = min(exp(log(b1) * log(b3) / ((1 - part) * log(b3) + part * log(b1))), b3)
        alpha = min(part * s["alpha"], s["alpha"])
        m1 = b1 * m1 + (1 - b1) * g
        m2 = beta3 * m2 + (1 - beta3) * g
        v = b2 * v + (1 - b2) * g**2
        step = (m1 / (1 - b1**t) + alpha * m2) / (np.sqrt(v / (1 - b2**t)) + s["eps"])
        theta = theta - s["lr"] * FACTORS[t - 1] * (step + s["weight_decay"] * theta)
    return theta


def cautious_adamw(theta: Array, gradient: Gradients, s: Settings) -> Array:
    """2411.16085, algorithm 1, on AdamW."""
    (b1, b2), m, v = s["betas"], np.zeros_like(theta), np.zeros_like(theta)
    for t in range(1, STEPS + 1):
        lr, g = s["lr"] * FACTORS[t - 1], gradient(t)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        u = m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + s["eps"])
        mask = u * g > 0
        theta = theta - lr * (theta.size / (mask.sum() + 1) * mask * u + s["weight_decay"] * theta)
    return theta


def mars(theta: Array, gradient: Gradients, s: Settings) -> Array:
    """2411.10438, algorithm 2 with the gradient before as it was (approximate); AdamW for vectors."""
    matrix = theta.ndim == 2
    (b1, b2), m, v = s["betas"] if matrix else s["betas_1d"], np.zeros_like(theta), np.zeros_like(theta)
    for t in range(1, STEPS + 1):
        lr, g = s["lr"] * FACTORS[t - 1] * (1 if matrix else s["lr_1d_ratio"]), gradient(t)
        c = g
        if matrix:
            c = g + s["gamma"] * b1 / (1 - b1) * (g - gradient(max(t - 1, 1)))
            c = c / max(1, np.linalg.norm(c))
        m = b1 * m + (1 - b1) * c
        v = b2 * v + (1 - b2) * c**2
        step = m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + s["eps"])
        theta = theta - lr * (step + s["weight_decay"] * theta)
    return theta


CASES = [
    Case("adafactor", adafactor, {"lr": 0.5}),
    Case("adafactor", adafactor, {"beta2_decay": -0.5, "eps": [0.5, 5.0], "weight_decay": 3.0, "d": 2.0}),
    Case("adabelief", adabelief),
    Case("adabelief", adabelief, {"eps": 0.01, "weight_decay": 3.0}),
    Case("lamb", lamb),
    Case("lamb", lamb, {"largest_norm": 0.5, "weight_decay": 3.0, "eps": 0.01}),
    Case("adam_mini", adam_mini, {"n_heads": 5}),
    Case("adam_mini", adam_mini, {"n_heads": 5, "head_pattern": "matrix", "eps": 0.01}),
    Case("adam_mini", adam_mini, {"n_heads": 1, "head_pattern": "matrix", "weight_decay": 3.0}),
    Case("stable_adamw", stable_adamw),
    Case("stable_adamw", stable_adamw, {"eps": 0.1, "weight_decay": 3.0, "betas": [0.5, 0.5]}),
    Case("adopt", adopt),
    Case("adopt", adopt, {"eps": 1.0, "weight_decay": 3.0, "clip_power": 0.0}),
    Case("ademamix", ademamix, {"t_alpha_beta3": STEPS}),
    Case("ademamix", ademamix, {"t_alpha_beta3": 4, "eps": 0.01, "weight_decay": 3.0}),
    Case("cautious_adamw", cautious_adamw),
    Case("cautious_adamw", cautious_adamw, {"eps": 0.01, "weight_decay": 3.0}),
    Case("mars", mars),
    Case("mars", mars, {"gamma": 1.0, "eps": 0.01, "weight_decay": 3.0}),
]
