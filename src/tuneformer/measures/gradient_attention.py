"""Attention weighted by what it does to an output."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tuneformer.measures.attention_shares import Weights
from tuneformer.models.attention.explicit import explicit_attention
from tuneformer.models.attention.layer_spec import AttentionSite


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


def attention_gradients(
    model: nn.Module, output: Callable[[], Tensor]
) -> dict[AttentionSite, tuple[Weights, Weights]]:
    """Return A and dy/dA of each attention module, for a scalar output y that `output` computes by the model.

    `grad` of the parameters is left as it was. A recurrent decoder's queries are put together again.

    Args:
        model: in evaluation mode.
        output: runs it and returns y: the logit of a class, or the loss.
    """
    passes: dict[AttentionSite, list[Tensor]] = {}

    def keep(site: AttentionSite, weights: Tensor) -> Tensor:
        weights = weights if weights.requires_grad else weights.requires_grad_()
        passes.setdefault(site, []).append(weights)
        return weights

    with torch.enable_grad(), explicit_attention(model, keep):
        y = output()
    flat = [weights for parts in passes.values() for weights in parts]
    gradients = iter(torch.autograd.grad(y, flat, allow_unused=True, materialize_grads=True))
    return {
        site: (torch.cat(parts, dim=2).detach(), torch.cat([next(gradients) for _ in parts], dim=2))
        for site, parts in passes.items()
    }
