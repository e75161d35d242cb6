"""Softmax attention of short texts in bfloat16 on a CPU, as products of matrices."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

LONGEST = 256
"""Keys up to which it is faster than torch's fused kernel, which is made for long texts."""


def short_attention(
    q: Float[Tensor, "batch head query dim"],
    k: Float[Tensor, "batch kv_head key dim"],
    v: Float[Tensor, "batch kv_head key value"],
    *,
    is_causal: bool,
    scale: float,
) -> Float[Tensor, "batch head query value"] | None:
    """Return softmax(scale q k^T + mask) v in bfloat16; None where torch's kernel is the better one.

    It is used on a CPU in bfloat16 (that of the tensors, or of autocast) for at most LONGEST keys. Logits
    and softmax are in float32, so that its error is that of torch's kernel: the rounding of what goes into
    a product. Time is O(query * key); it keeps the map, batch * head * query * key numbers of 2 bytes.
    Like that kernel it has no second derivative. docs/performance.md has both side by side.
    """
    if q.device.type != "cpu" or k.shape[2] > LONGEST or k.shape[1] != q.shape[1]:
        return None
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else q.dtype
    if dtype != torch.bfloat16:
        return None
    # fused kernels are switched off where second derivatives are asked for, and then nothing is compiled
    if not (torch.compiler.is_compiling() or torch.backends.cuda.flash_sdp_enabled()):
        return None
    with torch.autocast("cpu", enabled=False):
        mixed = _Products.apply(*(x.to(dtype).flatten(0, 1) for x in (q, k, v)), is_causal, scale)
    return mixed.unflatten(0, q.shape[:2])


class _Products(torch.autograd.Function):
    """P = softmax(scale Q K^T + mask), O = P V; the first of all dimensions counts heads of examples.

    Backward: dV = P^T dO, dP = dO V^T, dS = scale P (dP - sum of P dP over keys), dQ = dS K, dK = dS^T Q.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, q: Tensor, k: Tensor, v: Tensor, is_causal: bool, scale: float) -> Tensor:
        mask = torch.zeros(q.shape[1], k.shape[1], dtype=torch.float32, device=q.device)
        if is_causal:
            mask = mask.fill_(float("-inf")).triu(diagonal=1)
        logits = torch.baddbmm(mask, q.float(), k.float().mT, alpha=scale)
        p = logits.softmax(dim=-1).to(v.dtype)
        ctx.save_for_backward(q, k, v, p)
        vars(ctx)["scale"] = scale
        return p @ v

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, d_mixed: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, None, None]:
        q, k, v, p = ctx.saved_tensors
        d_p = d_mixed @ v.mT
        d_logits = torch.ops.aten._softmax_backward_data(d_p, p, -1, p.dtype).mul_(ctx.scale)
        return d_logits @ k, d_logits.mT @ q, p.mT @ d_mixed, None, None
