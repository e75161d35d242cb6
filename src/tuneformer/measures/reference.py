"""The table of docs/measures.md that says what a run writes: python -m tuneformer.measures.reference."""

import sys

from tuneformer.measures.measure import Measure
from tuneformer.measures.registry import MEASURES

COLUMNS = (
    "columns",
    "measure",
    "says",
    "unit",
    "null baseline",
    "every",
    "taken by",
    "in comparisons",
    "formula",
)


def reference() -> str:
    """The table, in Markdown."""
    rows = [COLUMNS, ("---",) * len(COLUMNS), *(_row(each) for each in MEASURES if each.taken is not None)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(measure: Measure) -> tuple[str, ...]:
    assert measure.taken is not None
    callback, every = measure.taken
    return (
        f"`{measure.column}`",
        measure.name,
        measure.says,
        measure.unit,
        measure.null,
        f"`{every}`",
        f"`callbacks.{callback}`" if callback else "",
        measure.compared_as if measure.together is not None else "",
        f"`{measure.function}`" if measure.function else "",
    )


if __name__ == "__main__":
    sys.stdout.write(reference())
