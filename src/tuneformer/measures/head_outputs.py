"""What heads write into the residual stream: how large it is, and how alike they are."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from tuneformer.measures.attention_shares import Weights, shares
from tuneformer.measures.precision import full_precision

HeadOutputs = Float[Tensor, "batch head query d_model"]
HeadByHead = Float[Tensor, "head other"]


def head_outputs(
    mixed: Float[Tensor, "batch head query value"], output: Float[Tensor, "d_model width"]
) -> HeadOutputs:
    """Return W_O^h of what head h has gathered; with the bias the heads add up to the module's output.

    Args:
        mixed: what the output matrix is given, in heads.
        output: W_O, its columns those of the first head first.
    """
    by_head = output.unflatten(1, (mixed.shape[1], -1))  # (D, H, V)
    return torch.einsum("bhqv,dhv->bhqd", mixed, by_head.to(mixed.dtype))


def norm_weighted(
    weights: Weights,
    values: Float[Tensor, "batch head key value"],
    output: Float[Tensor, "d_model width"],
) -> Weights:
    """Return |A_ij W_O v_j|, the length of what key j adds to query i, v_j = W_V x_j (2004.10102).

    The vectors themselves add up to the head's output. A sink has large weights and short values, and
    shrinks. Null: the same of `uniform_attention`, which is the length of each key's value. Not in order
    where a module norms or gates the heads afterwards.

    Args:
        weights: A.
        values: of each head.
        output: W_O, its columns those of the first head first.
    """
    lengths = torch.linalg.vector_norm(full_precision(head_outputs(values, output)), dim=-1)
    return full_precision(weights).abs() * lengths.unsqueeze(-2)


def output_similarity(outputs: HeadOutputs) -> HeadByHead:
    """Return cos(O_g, O_h) of each pair of heads, the mean over queries (1810.10183, output disagreement).

    Duplicate heads: 1. Null: 0, with deviation 1 / sqrt(d_model n) for random vectors at n queries. A head
    that writes nothing is like none: 0.
    """
    unit = F.normalize(full_precision(outputs), dim=-1)
    return torch.einsum("bgqd,bhqd->gh", unit, unit) / (unit.shape[0] * unit.shape[2])


def map_overlap(weights: Weights) -> HeadByHead:
    """Return sum_j min(p_ij, q_ij) of the shares of each pair of heads, the mean over queries.

    1 less the total variation: duplicate heads have 1 and heads that look at different keys 0. (1810.10183
    multiplies the maps instead, which gives 1 to one-hot duplicates only.) Null: the overlap of each head
    with `uniform_attention`.
    """
    p = shares(weights)
    rows = [torch.minimum(p[:, h : h + 1], p).sum(dim=-1).mean(dim=(0, 2)) for h in range(p.shape[1])]
    return torch.stack(rows)


def mean_of_pairs(similarity: HeadByHead) -> float:
    """Return the mean over pairs of different heads; NaN for one head."""
    n = similarity.shape[0]
    return float((similarity.sum() - similarity.trace()) / (n * (n - 1))) if n > 1 else float("nan")
