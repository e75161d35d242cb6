"""Attention maps whose scores are known."""

import torch
from torch import Tensor


def causal(n: int) -> Tensor:
    """The mask of n tokens that see themselves and what lies before."""
    return torch.ones(n, n, dtype=torch.bool).tril()


def looks_at(keys: list[int]) -> Tensor:
    """A map of one sequence and one head whose query i looks at keys[i] alone."""
    return torch.eye(len(keys), dtype=torch.float64)[keys][None, None]


def drawn_map(*shape: int, allowed: Tensor | None = None, seed: int = 0) -> Tensor:
    """A softmax of normal logits in float64."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(*shape, dtype=torch.float64, generator=generator)
    if allowed is not None:
        logits = logits.masked_fill(~allowed, float("-inf"))
    return logits.softmax(dim=-1)


def harmonic(n: int) -> float:
    """1 + 1/2 + ... + 1/n."""
    return sum(1 / k for k in range(1, n + 1))
