"""Adam-mini."""

import re
from typing import Any

import torch
from torch import Tensor

from tuneformer.errors import UserError
from tuneformer.optim.tensorwise import TensorwiseOptimizer


class AdamMini(TensorwiseOptimizer):
    """AdamW with one second moment for each block of weights (2406.16793, algorithms 1 to 3).

    v_b <- beta2 v_b + (1 - beta2) mean of g^2 over block b. Blocks: a head where `head_pattern` is found
    in the parameter's name (`n_heads` equal parts of its rows), a row of any other matrix (an output
    neuron; a token of an embedding), and a whole vector.
    """

    def update(
        self, theta: Tensor, g: Tensor, state: dict[str, Any], group: dict[str, Any], name: str
    ) -> None:
        (beta1, beta2), t = group["betas"], group["step"]
        blocks = self._blocks(g, group, name)
        if not state:
            state["exp_avg"] = torch.zeros_like(g)
            state["exp_avg_sq"] = g.new_zeros(blocks, 1)
        m = state["exp_avg"].lerp_(g, 1 - beta1)
        mean_square = g.reshape(blocks, -1).square().mean(dim=1, keepdim=True)
        v = state["exp_avg_sq"].lerp_(mean_square, 1 - beta2)
        root = (v / (1 - beta2**t)).sqrt() + group["eps"]
        step = (m.reshape(blocks, -1) / root).view_as(theta)
        theta.mul_(1 - group["lr"] * group["weight_decay"]).sub_(step, alpha=group["lr"] / (1 - beta1**t))

    def _blocks(self, g: Tensor, group: dict[str, Any], name: str) -> int:
        if g.ndim < 2:
            return 1
        if not re.search(group["head_pattern"], name):
            return g.shape[0]
        if g.shape[0] % group["n_heads"]:
            raise UserError(
                f"optimizer.n_heads={group['n_heads']} cannot divide the {g.shape[0]} rows of {name}"
            )
        return group["n_heads"]
