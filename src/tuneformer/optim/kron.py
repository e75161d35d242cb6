"""PSGD with a Kronecker-factored preconditioner."""

from typing import Any

import torch
from torch import Tensor

from tuneformer.optim.tensorwise import TensorwiseOptimizer, at_least_float32, where_gradient_was

LARGEST_RMS = 1.1


class Kron(TensorwiseOptimizer):
    """Preconditioned momentum of matrices, P = Q^T Q with Q = Q_L x Q_R (2402.11858; 1512.04202).

    The upper triangular Q_L and Q_R, from the identity on, move down E[M^T P M + v^T P^-1 v], v random
    normal, whose minimum whitens M. With A = Q_L M Q_R^T and B = Q_L^-T v Q_R^-1:

        Q_L <- Q_L - precondition_lr triu(A A^T - B B^T) / ||A A^T + B B^T|| Q_L, Q_R alike by A^T A, B^T B
        theta <- theta - lr (P M, scaled to an RMS of at most 1.1, + weight_decay theta)

    M <- momentum M + (1 - momentum) g, corrected by 1 - momentum^t. The norm is bounded from below as in
    the author's code. v comes from torch's default generator. Rows and columns that never had a gradient
    get no step: v alone would move them.
    """

    def update(
        self, theta: Tensor, g: Tensor, state: dict[str, Any], group: dict[str, Any], name: str
    ) -> None:
        if not state:
            state["momentum"] = torch.zeros_like(g)
            for side, size in zip(("left", "right"), g.shape, strict=True):
                state[side] = torch.eye(size, dtype=g.dtype, device=g.device)
        M = at_least_float32(state["momentum"].lerp_(g, 1 - group["momentum"]))
        theta.mul_(1 - group["lr"] * group["weight_decay"])
        if M.any():  # without a gradient v alone would enlarge Q without end
            step = self._whitened(M / (1 - group["momentum"] ** group["step"]), state, group)
            theta.sub_(step, alpha=group["lr"])

    def _whitened(self, M: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Tensor:
        """P M of bounded RMS, after one step of Q."""
        left, right = at_least_float32(state["left"]), at_least_float32(state["right"])
        A, B = left @ M @ right.mT, _solve(left, right, torch.randn_like(M))
        _descend(left, A @ A.mT, B @ B.mT, group["precondition_lr"])
        _descend(right, A.mT @ A, B.mT @ B, group["precondition_lr"])
        state["left"].copy_(left)
        state["right"].copy_(right)
        step = where_gradient_was(left.mT @ (left @ M @ right.mT) @ right, M)
        return step * (LARGEST_RMS / (step.square().mean().sqrt() + 1e-6)).clamp(max=1)


def _solve(left: Tensor, right: Tensor, v: Tensor) -> Tensor:
    """left^-T v right^-1."""
    half = torch.linalg.solve_triangular(right, v, upper=True, left=False)
    return torch.linalg.solve_triangular(left.mT, half, upper=False)


def _descend(Q: Tensor, up: Tensor, down: Tensor, rate: float) -> None:
    Q.sub_(rate / _norm_bound(up + down) * (up - down).triu() @ Q)


def _norm_bound(A: Tensor) -> Tensor:
    """A lower bound of the spectral norm of a symmetric matrix, close where few eigenvalues are large."""
    largest = A.abs().max().clamp(min=torch.finfo(A.dtype).tiny)
    scaled = A / largest
    x = scaled @ scaled[scaled.square().sum(dim=1).argmax()]
    return largest * (scaled @ (x / x.norm())).norm()
