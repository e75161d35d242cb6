"""SOAP."""

from collections.abc import Sequence
from typing import Any

import pytorch_optimizer
import torch
from torch import Tensor

from tuneformer.config.ranges import Number
from tuneformer.optim.tensorwise import where_gradient_was


class SOAP(pytorch_optimizer.SOAP):
    """Adam in the eigenbasis of Shampoo (2409.11321, algorithm 3), as pytorch_optimizer has it.

    A row or column that never had a gradient gets no step. In the paper's arithmetic it gets none either;
    in float32 the step there is rounding, which Adam's division would blow up to the size of the rate.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: Number,
        weight_decay: Number,
        betas: Sequence[float],
        shampoo_beta: Number,
        eps: float,
        precondition_frequency: int,
        max_precondition_dim: int,
        merge_dims: bool,
        precondition_1d: bool,
        correct_bias: bool,
        normalize_gradient: bool,
        maximize: bool,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            weight_decay=weight_decay,
            betas=(betas[0], betas[1]),
            shampoo_beta=shampoo_beta,
            eps=eps,
            precondition_frequency=precondition_frequency,
            max_precondition_dim=max_precondition_dim,
            merge_dims=merge_dims,
            precondition_1d=precondition_1d,
            correct_bias=correct_bias,
            normalize_gradient=normalize_gradient,
            maximize=maximize,
        )

    def project(
        self,
        grad: Tensor,
        state: dict[str, Any],
        merge_dims: bool = False,
        max_precondition_dim: int = 10000,
        project_type: str = "forward",
    ) -> Tensor:
        projected = super().project(grad, state, merge_dims, max_precondition_dim, project_type)
        return where_gradient_was(projected, state["exp_avg"]) if project_type == "backward" else projected

    @staticmethod
    def get_orthogonal_matrix(mat: Any) -> list[Any]:
        """The eigenvectors of each matrix; NaN for one that is not finite, which LAPACK refuses."""
        if all(torch.as_tensor(side).isfinite().all() for side in mat):
            return pytorch_optimizer.SOAP.get_orthogonal_matrix(mat)
        return [torch.full_like(side, torch.nan) if len(side) else side for side in mat]
