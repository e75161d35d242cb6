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
    HeadMeasure(
        key="entropy",
        label="entropy",
        says="0: all on one key; 1: spread evenly",
        null="uniform attention",
    ),
    HeadMeasure(
        key="largest_logit",
        label="largest logit",
        says="near 100 training is in danger",
        null="random weights",
    ),
    HeadMeasure(
        key="sink_rate",
        label="sink rate",
        says="attention to the first key; above 0.3 a sink",
        null="uniform attention",
    ),
    HeadMeasure(
        key="mean_distance",
        label="mean distance",
        says="tokens between query and key",
        null="uniform attention",
    ),
    HeadMeasure(
        key="previous_token",
        label="previous token",
        says="attention to the token before; near 1: a previous-token head",
        null="uniform attention",
    ),
    HeadMeasure(
        key="prefix_matching",
        label="prefix matching",
        says="attention to what followed this token before, here; near 1: an induction head",
        null="uniform attention",
    ),
    HeadMeasure(
        key="prefix_matching_random",
        label="prefix matching, random tokens",
        says="the same on random tokens, twice; near 1: an induction head",
        null="uniform attention",
    ),
    HeadMeasure(
        key="copying",
        label="copying",
        says="by its weights; 1: raises the logit of what it looks at; -1: lowers it",
        null="random weights in the mean",
    ),
    HeadMeasure(
        key="similarity",
        label="output similarity",
        says="mean cosine with other heads of its layer; 1: a duplicate",
        null="random vectors in the mean",
    ),
    HeadMeasure(
        key="importance",
        label="importance by gradient",
        says="mean size of dL/d gate; 0: a dead head",
        null="random weights",
    ),
    HeadMeasure(
        key="ablation",
        label="change of the loss without it",
        says="zero in its place; above 0 it helps, below it harms",
        null="random weights",
    ),
)
"""In the order in which they are shown."""

BY_KEY = {measure.key: measure for measure in HEAD_MEASURES}

OF_AN_ORDER = ("mean_distance", "previous_token", "prefix_matching")
"""Without meaning among patches of an image, which have no order."""


def meaningful(measures: Mapping[str, T], *, ordered: bool) -> dict[str, T]:
    """Those that make sense for an example whose parts are in an order, or are not."""
    return {key: value for key, value in measures.items() if ordered or key not in OF_AN_ORDER}
