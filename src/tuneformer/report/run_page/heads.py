"""The heads of a run at a glance: the last value of each measure that was taken while it trained."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tuneformer.analysis.attention.curves import COLUMN
from tuneformer.measures.registry import BY_KEY

MOST_MEASURES = 8


class HeadCell(NamedTuple):
    """A value, and where it lies between the least (0) and the largest (1) of its measure."""

    value: float
    share: float


class HeadsTable(NamedTuple):
    """A row for each head, a column for each measure; None where a head has none.

    `measures` have a name and what a value says.
    """

    measures: Sequence[tuple[str, str]]
    rows: Sequence[tuple[str, Sequence[HeadCell | None]]]


def heads_table(latest: Mapping[str, float]) -> HeadsTable | None:
    """The table of the last values of metrics.csv by column; None where no head was measured."""
    values: dict[str, dict[tuple[str, int, int], float]] = {}
    for column, value in latest.items():
        if found := COLUMN.fullmatch(column):
            stack, layer, head, key = found.groups()
            values.setdefault(key, {})[stack, int(layer), int(head)] = value
    shown = [key for key in BY_KEY if key in values][:MOST_MEASURES]
    if not shown:
        return None
    heads = sorted({head for key in shown for head in values[key]})
    spans = {key: (min(values[key].values()), max(values[key].values())) for key in shown}
    return HeadsTable(
        measures=[(BY_KEY[key].name, BY_KEY[key].says) for key in shown],
        rows=[
            (
                f"{stack}.{layer}.{head}",
                [_cell(values[key].get((stack, layer, head)), *spans[key]) for key in shown],
            )
            for stack, layer, head in heads
        ],
    )


def _cell(value: float | None, low: float, high: float) -> HeadCell | None:
    if value is None:
        return None
    return HeadCell(value, (value - low) / (high - low) if high > low else 0.0)
