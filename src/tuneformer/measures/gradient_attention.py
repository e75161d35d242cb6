"""Attention weighted by what it does to an output."""

import torch
from jaxtyping import Float
from torch import Tensor

from tuneformer.measures.attention_shares import Weights


def gradient_times_attention(weights: Weights, gradient: Weights) -> Weights:
    """Return A_ij dy/dA_ij, to first order what the pair adds to a scalar output y (2103.15679).

    Where y is linear in A it adds up to y. Null: the same of `uniform_attention` and this gradient.

    Args:
        weights: A.
        gradient: dy/dA, as `explicit_attention` lets it be taken.
    """
    return weights * gradient


def relevance(
    layers: list[tuple[Weights, Weights]],
) -> Float[Tensor, "batch query key"]:
    """Return R after R <- R + mean over heads of (A dy/dA)^+ R, from R = I, layer by layer (2103.15679).

    Row i says which tokens what output i holds comes from, with respect to y.

    Args:
        layers: weights and gradient of each layer of self-attention, from the first on.
    """
    weights = layers[0][0]
    result = torch.eye(weights.shape[-1], dtype=weights.dtype, device=weights.device)
    result = result.expand(weights.shape[0], -1, -1)
    for weights, gradient in layers:
        positive = gradient_times_attention(weights, gradient).clamp(min=0).mean(dim=1)
        result = result + positive @ result
    return result
