"""Every score of the residual stream that one look into a model gives."""

from statistics import fmean

from jaxtyping import Bool
from torch import Tensor

from tuneformer.measures.attention_shares import queries_that_see
from tuneformer.measures.probe import Probe
from tuneformer.measures.registry import KURTOSIS, RANK_COLLAPSE, RESIDUAL_NORM
from tuneformer.measures.residual_stream import kurtosis, rank_collapse, residual_norm
from tuneformer.models.attention.layer_spec import AttentionSite

FORMULAS = {RESIDUAL_NORM: residual_norm, RANK_COLLAPSE: rank_collapse, KURTOSIS: kurtosis}


def stream_scores(seen: Probe) -> dict[str, dict[str, list[float]]]:
    """Return, by key and stack, the score before the first layer and behind each; no padding."""
    scores: dict[str, dict[str, list[float]]] = {}
    for stack, states in seen.streams.items():
        counted = counted_tokens(seen, stack)
        for measure, score in FORMULAS.items():
            scores.setdefault(measure.key, {})[stack] = [
                fmean(score(sequence) for sequence in without_padding(state, counted)) for state in states
            ]
    return scores


def counted_tokens(seen: Probe, stack: str) -> Bool[Tensor, "batch time"]:
    """Return which tokens of a stack count: all but padding, which no query sees."""
    first = seen.attention[AttentionSite(stack, 0)]
    return queries_that_see(first.allowed, first.weights).any(dim=1)


def without_padding(states: Tensor, counted: Bool[Tensor, "batch time"]) -> list[Tensor]:
    """Return the states of each sequence that has any, (1, its tokens, width), one after another."""
    pairs = zip(states, counted, strict=True)
    return [sequence[mine][None] for sequence, mine in pairs if mine.any()]
