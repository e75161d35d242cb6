"""What all measures of attention maps share: rows as shares, which rows count, and uniform attention."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tuneformer.measures.precision import full_precision

Weights = Float[Tensor, "batch head query key"]
Allowed = Bool[Tensor, "*_ _ _"]
HeadScore = Float[Tensor, " head"]


def shares(weights: Weights) -> Weights:
    """Return p_ij = |A_ij| / sum_j |A_ij|, in float32 at least; 0 where a row has no weight.

    For a softmax it is A itself. Modules whose weights are signed (differential, the delta rule) or do not
    add up to 1 (sigmoid, softmax-one) are compared with it by these shares; `total_weight` says what they
    are shares of.
    """
    size = full_precision(weights).abs()
    total = size.sum(dim=-1, keepdim=True)
    return size / torch.where(total > 0, total, 1.0)


def total_weight(weights: Weights, allowed: Allowed | None) -> HeadScore:
    """Return the mean over queries of sum_j |A_ij|: 1 for a softmax, below it where a head may abstain."""
    total = full_precision(weights).abs().sum(dim=-1)
    return mean_over_queries(total, queries_that_see(allowed, weights))


def allowed_everywhere(allowed: Allowed | None, weights: Weights) -> Bool[Tensor, "batch head query key"]:
    """Return the mask in the shape of the weights.

    `allowed` is true where a query may see a key, in any shape that broadcasts to (batch, head, query,
    key), as `AttentionMask.allowed` gives it; None: every query sees every key. A query that sees none,
    padding for one, counts in no mean.
    """
    if allowed is None:
        return torch.ones_like(weights, dtype=torch.bool)
    return allowed.to(weights.device).expand(weights.shape)


def queries_that_see(
    allowed: Allowed | None, weights: Weights, *, at_least: int = 1
) -> Bool[Tensor, "batch head query"]:
    """Return which queries may see so many keys, and have some weight: those that count."""
    n_seen = allowed_everywhere(allowed, weights).sum(dim=-1)
    return (n_seen >= at_least) & (weights != 0).any(dim=-1)


def mean_over_queries(
    values: Float[Tensor, "batch head query"], counts: Bool[Tensor, "batch head query"]
) -> HeadScore:
    """Return the mean over the queries that count, in all sequences; NaN for a head that has none."""
    total = torch.where(counts, values, 0.0).sum(dim=(0, 2))
    return total / counts.sum(dim=(0, 2))


def uniform_attention(allowed: Allowed | None, weights: Weights) -> Weights:
    """Return attention that knows nothing: the same weight for every key that a query may see.

    The null baseline of every measure of a map: `sink_rate(uniform_attention(allowed, weights), allowed)`
    is what the mask alone makes of the score. The shape and device are those of `weights`.
    """
    seen = allowed_everywhere(allowed, weights)
    return seen.to(full_precision(weights).dtype) / seen.sum(dim=-1, keepdim=True).clamp(min=1)
