"""Every score of the residual stream that one look into a model gives."""

from statistics import fmean

from tuneformer.measures.head_scores import counted_tokens, without_padding
from tuneformer.measures.probe import Probe
from tuneformer.measures.residual_stream import kurtosis, rank_collapse, residual_norm

STREAM_MEASURES = {"norm": residual_norm, "rank_collapse": rank_collapse, "kurtosis": kurtosis}


def stream_scores(seen: Probe) -> dict[str, dict[str, list[float]]]:
    """Return, by measure and stack, the score before the first layer and behind each; no padding."""
    scores: dict[str, dict[str, list[float]]] = {}
    for stack, states in seen.streams.items():
        counted = counted_tokens(seen, stack)
        for measure, score in STREAM_MEASURES.items():
            scores.setdefault(measure, {})[stack] = [
                fmean(score(sequence) for sequence in without_padding(state, counted)) for state in states
            ]
    return scores
