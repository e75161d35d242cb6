"""Optimizers of matrices, from their papers; what is no matrix follows the optimizer beside them."""

from math import sqrt

import numpy as np
import torch

from tests.optim.equations.case import FACTORS, STEPS, Array, Case, Gradients
from tests.optim.equations.torch_optimizers import adamw
from tuneformer.config.plain import Settings


def rest_by_adamw(theta: Array, gradient: Gradients, s: Settings) -> Array:
    lr = s["lr"] * s["others_lr_ratio"]
    return adamw(theta, gradient, {**s["others"], "lr": lr, "weight_decay": s["weight_decay"]})


def newton_schulz(G: Array, steps: int, coefficients: tuple[float, float, float]) -> Array:
    a, b, c = coefficients
    X = (G.T if G.shape[0] > G.shape[1] else G) / np.linalg.norm(G)
    for _ in range(steps):
        A = X @ X.T
        X = a * X + (b * A + c * A @ A) @ X
    return X.T if G.shape[0] > G.shape[1] else X


def muon(theta: Array, gradient: Gradients, s: Settings) -> Array:
    """Jordan et al. 2024."""
    if theta.ndim == 1:
        return rest_by_adamw(theta, gradient, s)
    own, M = s["matrices"], np.zeros_like(theta)
    mu, (rows, columns) = own["momentum"], theta.shape
    original = own["adjust_lr_fn"] == "original"
    scale = sqrt(max(1, rows / columns)) if original else 0.2 * sqrt(max(rows, columns))
    for t in range(1, STEPS + 1):
        lr, g = s["lr"] * FACTORS[t - 1], gradient(t)
        M = mu * M + (1 - mu) * g
        orthogonal = newton_schulz((1 - mu) * g + mu * M if own["nesterov"] else M, 5, own["ns_coefficients"])
        theta = theta - lr * (scale * orthogonal + s["weight_decay"] * theta)
    return theta


def normuon(theta: Array, gradient: Gradients, s: Settings) -> Array:
    """2510.05491, algorithm 1."""
    if theta.ndim == 1:
        return rest_by_adamw(theta, gradient, s)
    own, M, v = s["matrices"], np.zeros_like(theta), np.zeros((len(theta), 1))
    for t in range(1, STEPS + 1):
        lr = s["lr"] * FACTORS[t - 1]
        mu, g = own["momentum"], gradient(t)
        M = mu * M + (1 - mu) * g
        ahead = (1 - mu) * g + mu * M if own["nesterov"] else M
        orthogonal = newton_schulz(ahead, own["ns_steps"], (3.4445, -4.7750, 2.0315))
        v = own["beta2"] * v + (1 - own["beta2"]) * (orthogonal**2).mean(axis=1, keepdims=True)
        U = orthogonal / (np.sqrt(v) + own["eps"])
        U = 0.2 * sqrt(theta.size) / np.linalg.norm(U) * U
        theta = theta - lr * (U + s["weight_decay"] * theta)
    return theta


def scion(theta: Array, gradient: Gradients, s: Settings) -> Array:
    """2502.07529, algorithm 1, spectral norm of its table 3; the root mean square of the authors' code."""
    matrix, d = theta.ndim == 2, np.zeros_like(theta)
    own = s["matrices" if matrix else "others"]
    for t in range(1, STEPS + 1):
        lr = s["lr"] * FACTORS[t - 1] * (1 if matrix else s["others_lr_ratio"])
        d = own["momentum"] * d + (1 - own["momentum"]) * gradient(t)
        if matrix:
            orthogonal = newton_schulz(d, own["ns_steps"], (3.4445, -4.7750, 2.0315))
            step = sqrt(theta.shape[0] / theta.shape[1]) * orthogonal
        else:
            step = d / (sqrt(np.mean(d**2)) + own["eps"])
        theta = theta - lr * (step + s["weight_decay"] * theta)
    return theta


def soap(theta: Array, gradient: Gradients, s: Settings) -> Array:
    """2409.11321, algorithms 3 and 4; the bases after the first from power iteration and QR."""
    if theta.ndim == 1:
        return rest_by_adamw(theta, gradient, s)
    own, g = s["matrices"], gradient(1)
    (b1, b2), b = own["betas"], own["shampoo_beta"]
    L, R = (1 - b) * g @ g.T, (1 - b) * g.T @ g
    QL, QR = (np.linalg.eigh(side)[1][:, ::-1] for side in (L, R))
    m, v = np.zeros_like(g), np.zeros_like(g)
    for t in range(1, STEPS):
        lr, g = s["lr"] * FACTORS[t], gradient(t + 1)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * (QL.T @ g @ QR) ** 2
        rotated = QL.T @ m @ QR / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + own["eps"] / sqrt(1 - b2**t))
        theta = theta - lr * QL @ rotated @ QR.T
        theta = theta * (1 - lr * s["weight_decay"])
        L, R = b * L + (1 - b) * g @ g.T, b * R + (1 - b) * g.T @ g
        if t % own["precondition_frequency"] == 0:
            by_left, by_right = (np.argsort(-np.diag(Q.T @ P @ Q)) for P, Q in ((L, QL), (R, QR)))
            v = v[by_left][:, by_right]
            QL = np.linalg.qr(L @ QL[:, by_left])[0]
            QR = np.linalg.qr(R @ QR[:, by_right])[0]
    return theta


def shampoo(theta: Array, gradient: Gradients, s: Settings) -> Array:
    """1802.09568, algorithm 1, with averages, momentum and decoupled decay."""
    if theta.ndim == 1:
        return rest_by_adamw(theta, gradient, s)
    own, M = s["matrices"], np.zeros_like(theta)
    b, mu = own["beta2"], own["momentum"]
    L, R = np.zeros((theta.shape[0],) * 2), np.zeros((theta.shape[1],) * 2)
    old, new = (1, 1) if b == 1 else (b, 1 - b)
    powers = [L, R]
    for t in range(1, STEPS + 1):
        g = gradient(t)
        L, R = old * L + new * g @ g.T, old * R + new * g.T @ g
        M = mu * M + (1 - mu) * g
        if (t - 1) % own["every"] == 0:
            powers = []
            for side in (L, R):
                values, Q = np.linalg.eigh(side / (1 if b == 1 else 1 - b**t))
                ridge = own["eps"] * values.max()
                powers.append(Q @ np.diag((np.maximum(values, 0) + ridge) ** own["power"]) @ Q.T)
        step = powers[0] @ (M / (1 - mu**t)) @ powers[1]
        theta = theta - s["lr"] * FACTORS[t - 1] * (step + s["weight_decay"] * theta)
    return theta


def spectral_norm_bound(A: Array) -> float:
    """The lower bound of a symmetric matrix's norm that the authors' code divides by."""
    row = A[np.argmax((A**2).sum(axis=1))]
    x = A @ row
    return float(np.linalg.norm(A.T @ (x / np.linalg.norm(x))))


def kron(theta: Array, gradient: Gradients, s: Settings) -> Array:
    """2402.11858: relative descent on the criterion over upper triangular factors, step precondition_lr."""
    if theta.ndim == 1:
        return rest_by_adamw(theta, gradient, s)
    own, M = s["matrices"], np.zeros_like(theta)
    QL, QR = np.eye(theta.shape[0]), np.eye(theta.shape[1])
    for t in range(1, STEPS + 1):
        torch.default_generator.manual_seed(t)
        v = torch.randn(*theta.shape, dtype=torch.float64).numpy()
        M = own["momentum"] * M + (1 - own["momentum"]) * gradient(t)
        mean = M / (1 - own["momentum"] ** t)
        A = QL @ mean @ QR.T
        B = np.linalg.inv(QL).T @ v @ np.linalg.inv(QR)
        left, right = (A @ A.T, B @ B.T), (A.T @ A, B.T @ B)
        QL = (
            QL
            - own["precondition_lr"]
            * np.triu(left[0] - left[1])
            / spectral_norm_bound(left[0] + left[1])
            @ QL
        )
        QR = (
            QR
            - own["precondition_lr"]
            * np.triu(right[0] - right[1])
            / spectral_norm_bound(right[0] + right[1])
            @ QR
        )
        step = QL.T @ QL @ mean @ QR.T @ QR
        step = step * min(1.1 / (np.sqrt(np.mean(step**2)) + 1e-6), 1)
        theta = theta - s["lr"] * FACTORS[t - 1] * (step + s["weight_decay"] * theta)
    return theta


BFLOAT16 = 0.02  # torch iterates in bfloat16, which keeps 8 bits
NORMUON_AHEAD = {
    "_target_": "tuneformer.optim.normuon.NorMuon",
    "_partial_": True,
    "momentum": 0.9,
    "beta2": 0.8,
    "eps": 1e-3,
    "ns_steps": 5,
    "nesterov": True,
}
FLOAT32_QR = 1e-5  # the library factorises in float32
CASES = [
    Case("muon", muon, tolerance=BFLOAT16),
    Case("muon", muon, {"others_lr_ratio": 1.0, "weight_decay": 3.0}, tolerance=BFLOAT16),
    Case("normuon", normuon),
    Case("normuon_short", normuon),
    Case("normuon", normuon, {"weight_decay": 3.0}),
    Case("normuon", normuon, {"matrices": NORMUON_AHEAD}),
    Case("scion", scion),
    Case("scion", scion, {"weight_decay": 3.0}),
    # square: a null space, in which any basis is right, would make the first steps ambiguous
    Case("soap", soap, tolerance=FLOAT32_QR, shape=(4, 4)),
    Case("soap", soap, {"weight_decay": 3.0}, tolerance=FLOAT32_QR, shape=(4, 4)),
    Case("shampoo", shampoo, tolerance=1e-9),
    Case("shampoo", shampoo, {"weight_decay": 3.0}, tolerance=1e-9),
    Case("kron", kron),
    Case("kron", kron, {"weight_decay": 3.0}),
]
