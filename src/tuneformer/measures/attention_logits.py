"""The size of attention logits."""

import torch
from jaxtyping import Float
from torch import Tensor

from tuneformer.measures.attention_shares import Allowed, HeadScore
from tuneformer.measures.precision import full_precision


def largest_logit(logits: Float[Tensor, "batch head query key"], allowed: Allowed | None) -> HeadScore:
    """Return max S_ij of each head over all sequences, queries and keys that they may see (2507.20534).

    S are the logits as the softmax takes them, scaled, capped and biased. Growth without bound precedes
    divergence. Null: the same at initialisation. -inf for a head without any pair.

    Args:
        logits: before the mask.
        allowed: see `allowed_everywhere`.
    """
    largest = full_precision(logits)
    if allowed is not None:
        largest = largest.masked_fill(~allowed.to(logits.device), float("-inf"))
    return largest.amax(dim=(0, 2, 3))


def qk_clip_factor(largest: HeadScore, *, tau: float) -> HeadScore:
    """Return sqrt(min(1, tau / max S)), by which QK-clip multiplies W_Q and W_K; tau = 100 (2507.20534).

    Without a bias or cap on the logits the largest is tau afterwards where it was more; 1 elsewhere. It says
    by how much a head is past the bound: null 1.
    """
    return torch.where(largest > tau, tau / largest, 1.0).sqrt()
