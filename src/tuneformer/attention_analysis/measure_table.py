"""The measures of a head as they are called and explained; `measures/` has their formulas."""

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class HeadMeasure(NamedTuple):
    """Its key in files, its name on a page, what it says, and its null baseline in words."""

    key: str
    label: str
    says: str
    null: str


HEAD_MEASURES = (
    HeadMeasure("entropy", "entropy", "0: all on one key; 1: spread evenly", "uniform attention"),
    HeadMeasure("largest_logit", "largest logit", "near 100 training is in danger", "random weights"),
    HeadMeasure("sink_rate", "attention to the first key", "above 0.3 a sink", "uniform attention"),
    HeadMeasure("mean_distance", "mean distance", "tokens between query and key", "uniform attention"),
    HeadMeasure(
        "previous_token",
        "attention to the token before",
        "near 1: a previous-token head",
        "uniform attention",
    ),
    HeadMeasure(
        "prefix_matching",
        "attention to what followed this token before",
        "on these examples; near 1: an induction head",
        "uniform attention",
    ),
    HeadMeasure(
        "prefix_matching_random",
        "the same on random tokens, twice",
        "near 1: an induction head",
        "uniform attention",
    ),
    HeadMeasure(
        "copying",
        "copying by its weights",
        "1: raises the logit of what it looks at; -1: lowers it",
        "random weights in the mean",
    ),
    HeadMeasure(
        "similarity",
        "likeness of its output to other heads",
        "mean cosine within its layer; 1: a duplicate",
        "random vectors in the mean",
    ),
    HeadMeasure(
        "importance", "importance by gradient", "mean size of dL/d gate; 0: a dead head", "random weights"
    ),
    HeadMeasure(
        "ablation",
        "change of the loss without it",
        "zero in its place; above 0 it helps, below it harms",
        "random weights",
    ),
)
"""In the order in which they are shown."""

BY_KEY = {measure.key: measure for measure in HEAD_MEASURES}

OF_AN_ORDER = ("mean_distance", "previous_token", "prefix_matching")
"""Without meaning among patches of an image, which have no order."""


def meaningful(measures: Mapping[str, T], *, ordered: bool) -> dict[str, T]:
    """Those that make sense for an example whose parts are in an order, or are not."""
    return {key: value for key, value in measures.items() if ordered or key not in OF_AN_ORDER}
