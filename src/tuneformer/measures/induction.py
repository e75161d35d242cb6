"""Scores of the two heads of an induction circuit, on repeated tokens (2209.11895)."""

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from tuneformer.measures.attention_shares import (
    Allowed,
    HeadScore,
    Weights,
    mean_over_queries,
    queries_that_see,
    shares,
)


def previous_token(weights: Weights, allowed: Allowed | None) -> HeadScore:
    """Return the mean over queries i >= 1 of p_i,i-1, the attention to the token before (2209.11895).

    A perfect head scores 1. Null: uniform causal attention gives the mean of 1 / (i + 1) over
    i = 1 .. T - 1, that is (H_T - 1) / (T - 1), H_T the harmonic number. p: `shares`.

    Args:
        weights: attention weights of tokens to themselves: as many queries as keys.
        allowed: see `allowed_everywhere`.
    """
    before = shares(weights).diagonal(offset=-1, dim1=-2, dim2=-1)
    return mean_over_queries(before, queries_that_see(allowed, weights)[..., 1:])


def prefix_matching(weights: Weights, *, n: int) -> HeadScore:
    """Return the mean of p_i,i-n+1 over i = n .. 2n - 1: the second copy of n random tokens (2209.11895).

    Token i - n is the same as token i; the head looks at the one that followed it. Null: uniform causal
    attention gives the mean of 1 / (i + 1), that is (H_2n - H_n) / n. p: `shares`.

    Args:
        weights: causal attention weights on a sequence that begins with n tokens and the same n again.
        n: tokens of one copy.
    """
    assert n >= 2, "one token that repeats is its own successor"
    assert weights.shape[-1] >= 2 * n, f"two copies of {n} tokens need {2 * n} keys"
    p = shares(weights)[..., n : 2 * n, 1 : n + 1].diagonal(dim1=-2, dim2=-1)
    return mean_over_queries(p, torch.ones_like(p, dtype=torch.bool))


def prefix_matching_of_tokens(weights: Weights, tokens: Int[Tensor, "batch time"]) -> HeadScore:
    """Return the mean of sum_j p_ij [token j - 1 = token i], over the queries i that have such a key.

    The same for any tokens: attention to what followed earlier occurrences of this token, all of them. On
    n different tokens, repeated, it is `prefix_matching` as to the first repetition. Null: the same of
    `uniform_attention`, or of shuffled tokens under the same weights. p: `shares`.

    Args:
        weights: causal attention weights.
        tokens: what they were computed on.
    """
    after_a_match = follows_the_same_token(tokens).unsqueeze(1)
    p = (shares(weights) * after_a_match).sum(dim=-1)
    counts = after_a_match.any(dim=-1).expand(p.shape)
    return mean_over_queries(p, counts)


def follows_the_same_token(tokens: Int[Tensor, "batch time"]) -> Bool[Tensor, "batch query key"]:
    """Return where 1 <= key <= query and token key - 1 is token query, the query itself left out."""
    same = tokens.unsqueeze(2) == tokens.unsqueeze(1)  # (B, query, key)
    earlier = same.tril(diagonal=-1)
    return torch.nn.functional.pad(earlier, (1, 0))[..., :-1]
