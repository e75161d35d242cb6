"""Every score of a head that one look into a model gives, by name."""

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from tuneformer.measures import registry
from tuneformer.measures.attention_logits import largest_logit
from tuneformer.measures.attention_maps import entropy, mean_distance, sink_rate
from tuneformer.measures.attention_shares import HeadScore
from tuneformer.measures.induction import prefix_matching_of_tokens, previous_token
from tuneformer.measures.probe import Probe
from tuneformer.models.attention.explicit import SeenAttention
from tuneformer.models.attention.layer_spec import AttentionSite

SELF_ATTENTION = ("encoder", "decoder")


def head_scores(
    site: AttentionSite, seen: SeenAttention, tokens: Int[Tensor, "batch time"] | None
) -> dict[str, HeadScore]:
    """Return the scores that make sense for a module: by their keys in `registry`

    `largest_logit` where there are logits, the larger of two maps; `mean_distance` and `previous_token` of
    tokens among themselves; `prefix_matching` (of whatever repeats in `tokens`) in decoders.

    Args:
        site: where the module is.
        seen: by `probe`.
        tokens: that the stack read; None where it read something else.
    """
    weights, allowed = seen.weights, seen.allowed
    scores = {
        registry.ENTROPY.key: entropy(weights, allowed),
        registry.SINK_RATE.key: sink_rate(weights, allowed),
    }
    if seen.logits is not None:
        by_map = largest_logit(seen.logits, allowed)
        scores[registry.LARGEST_LOGIT.key] = by_map.unflatten(0, (weights.shape[1], -1)).amax(dim=-1)
    if site.stack in SELF_ATTENTION:
        scores[registry.MEAN_DISTANCE.key] = mean_distance(weights, allowed)
        scores[registry.PREVIOUS_TOKEN.key] = previous_token(weights, allowed)
    if site.stack == "decoder" and tokens is not None:
        scores[registry.PREFIX_MATCHING.key] = prefix_matching_of_tokens(weights, tokens)
    return scores


def scores_of(seen: Probe, inputs: Sequence[Tensor | None]) -> dict[AttentionSite, dict[str, HeadScore]]:
    """Return the scores of all heads, of what `model(*inputs)` was seen to do."""
    tokens = tokens_by_stack(inputs)
    return {site: head_scores(site, found, tokens.get(site.stack)) for site, found in seen.attention.items()}


def tokens_by_stack(inputs: Sequence[Tensor | None]) -> dict[str, Tensor]:
    """Return the tokens that each stack read, among what a model was called with; none where it had none."""
    tokens = [x for x in inputs if x is not None and x.dim() == 2 and x.dtype == torch.int64]
    return {"encoder": tokens[0], "decoder": tokens[-1]} if tokens else {}
