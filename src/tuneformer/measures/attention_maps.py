"""Measures of attention maps: how sharp a head is, where it looks, how far."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from tuneformer.measures.attention_shares import (
    Allowed,
    HeadScore,
    Weights,
    allowed_everywhere,
    mean_over_queries,
    queries_that_see,
    shares,
)
from tuneformer.measures.registry import SINK_THRESHOLD


def entropy(weights: Weights, allowed: Allowed | None) -> HeadScore:
    """Return the mean over queries of H_i = -sum_j p_ij log p_ij / log n_i, n_i the keys that i may see.

    0: all on one key; 1: uniform, its null baseline whatever the mask. Queries that see one key only have
    no choice and do not count. p: `shares`. Training becomes unstable where it falls to 0 (2303.06296).

    Args:
        weights: attention weights.
        allowed: see `allowed_everywhere`.
    """
    p = shares(weights)
    n_seen = allowed_everywhere(allowed, weights).sum(dim=-1)
    nats = -torch.special.xlogy(p, p).sum(dim=-1)
    normalised = nats / n_seen.clamp(min=2).to(p.dtype).log()
    return mean_over_queries(normalised, queries_that_see(allowed, weights, at_least=2))


def entropy_bound(logit_norm: float, n_keys: int) -> float:
    """Return the least entropy, in nats, of a softmax over n logits whose vector has norm <= s.

        H >= log(1 + (n - 1) b) + s sqrt(n (n - 1)) b / (1 + (n - 1) b),    b = exp(-s sqrt(n / (n - 1)))

    Reached by one high logit and the rest equal, of mean 0 (2303.06296, where s bounds
    |W_K W_Q^T| |X X^T|). It falls as s grows: large logits permit a collapse. s = 0 gives log n.
    """
    if n_keys < 2:
        return 0.0
    others = n_keys - 1
    b = math.exp(-logit_norm * math.sqrt(n_keys / others))
    return math.log1p(others * b) + logit_norm * math.sqrt(n_keys * others) * b / (1 + others * b)


def sink_rate(weights: Weights, allowed: Allowed | None) -> HeadScore:
    """Return the mean over queries of p_i0, the attention to the first key (2410.10781).

    Null: uniform causal attention gives the harmonic number H_T / T, 0.074 at T = 64; it is above the
    threshold of 0.3 for T <= 9. p: `shares`; the first key is the first of the sequence, padding or not.

    Args:
        weights: attention weights.
        allowed: see `allowed_everywhere`.
    """
    return mean_over_queries(shares(weights)[..., 0], queries_that_see(allowed, weights))


def share_of_sink_heads(sink_rates: Float[Tensor, " head"], threshold: float = SINK_THRESHOLD) -> float:
    """Return the share of heads, of any layers, whose sink rate is above the threshold (2410.10781).

    Null: 0 under uniform causal attention for more than 9 tokens. Heads without a rate (NaN) do not count.
    """
    known = sink_rates[~sink_rates.isnan()]
    return float((known > threshold).double().mean())


def mean_distance(weights: Weights, allowed: Allowed | None) -> HeadScore:
    """Return the mean over queries of sum_j p_ij |i - j|, in tokens.

    In causal attention i - j; with fewer queries than keys the last query is the last key. Without meaning
    between two texts. Null: uniform causal attention gives i / 2 at query i, (T - 1) / 4 in the mean; of
    both sides it gives (T^2 - 1) / (3 T). p: `shares`.

    Args:
        weights: attention weights.
        allowed: see `allowed_everywhere`.
    """
    n_queries, n_keys = weights.shape[2:]
    keys = torch.arange(n_keys, device=weights.device)
    distance = (keys[n_keys - n_queries :, None] - keys).abs()
    p = shares(weights)
    return mean_over_queries((p * distance).sum(dim=-1), queries_that_see(allowed, weights))
