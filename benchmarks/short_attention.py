"""Causal attention of short texts in bfloat16 on a CPU: ours against torch's fused kernel."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.in_turn import InTurn, in_turn
from tuneformer.models.attention.qkv.cpu_bf16_sdpa import short_attention

SHAPES = ((16, 4, 32, 16), (24, 4, 64, 32), (16, 4, 128, 64), (8, 6, 256, 64))
"""Batch, heads, tokens, width of a head; the last is a layer of nanoGPT's small model."""
WARM_UP = 3


@dataclass(frozen=True, kw_only=True)
class ShortCost:
    """Milliseconds forward and backward, and ||mixed - exact|| / ||exact||, exact in float64."""

    shape: tuple[int, int, int, int]
    milliseconds: InTurn
    ours_error: float
    kernel_error: float


def measure_short_attention(*, repeats: int) -> list[ShortCost]:
    """Both in turn, on the same tensors."""
    return [_measure(shape, repeats=repeats) for shape in SHAPES]


def _measure(shape: tuple[int, int, int, int], *, repeats: int) -> ShortCost:
    batch, heads, tokens, dim = shape
    torch.manual_seed(0)
    # as a projection leaves them: (batch, token, head, dim)
    drawn = [torch.randn(batch, tokens, heads, dim).bfloat16().transpose(1, 2) for _ in range(3)]
    q, k, v = (each.requires_grad_() for each in drawn)
    weighting = torch.randn(batch, heads, tokens, dim).bfloat16()

    def ours() -> Tensor:
        mixed = short_attention(q, k, v, is_causal=True, scale=dim**-0.5)
        assert mixed is not None
        return mixed

    def kernel() -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)

    def milliseconds(attend: Callable[[], Tensor]) -> float:
        started = time.perf_counter()
        torch.autograd.grad(attend(), (q, k, v), weighting)
        return 1e3 * (time.perf_counter() - started)

    both = partial(in_turn, lambda: milliseconds(ours), lambda: milliseconds(kernel))
    both(repeats=WARM_UP)
    exact = F.scaled_dot_product_attention(q.double(), k.double(), v.double(), is_causal=True)

    def error(mixed: Tensor) -> float:
        return float(((mixed.double() - exact).norm() / exact.norm()).detach())

    return ShortCost(
        shape=shape,
        milliseconds=both(repeats=repeats),
        ours_error=error(ours()),
        kernel_error=error(kernel()),
    )
