"""How far metrics.csv goes: what a checkpoint says of it, and what a file lacks of that."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

MetricsRow = dict[str, float]
"""A row of metrics.csv: the columns that have a value at its step."""

CLOCK = "seconds"


class RowsWritten:
    """The number of rows, a digest of all but the last, and the last: later values of its step join it."""

    def __init__(self) -> None:
        self.count = 0
        self.last: MetricsRow = {}
        self._digest = hashlib.sha256()

    def add(self, row: Mapping[str, float]) -> None:
        """Takes in the next row, or more values of the last one."""
        if self.last and row["step"] != self.last["step"]:
            self._digest.update(_text_of(self.last).encode())
            self.last = {}
        self.count += not self.last
        self.last = {**self.last, **row}

    def as_saved(self) -> dict[str, Any]:
        """What a checkpoint keeps of them, in plain values."""
        return {"count": self.count, "digest": self._digest.hexdigest(), "last": dict(self.last)}


def lost_rows(path: Path, saved: Mapping[str, Any], rows: Iterable[Mapping[str, float]]) -> str | None:
    """What a metrics.csv lacks of the rows that a checkpoint saw (`saved`); None where it has them all.

    `rows`: those of the file, in order.
    """
    count, last = saved["count"], saved["last"]
    if not count:
        return None
    step = int(last["step"])
    if not path.exists():
        return f"{path} is missing: its {count} rows up to step {step} are lost"
    found = RowsWritten()
    for row in rows:
        if row["step"] > step:
            break
        found.add(row)
    mine = found.as_saved()
    if found.count < count:
        return f"{path} has {found.count} of the {count} rows up to step {step}: the others are lost"
    # the final evaluation of that step adds its values, and moves the clock on
    seen = {name: value for name, value in last.items() if name != CLOCK}
    kept = {name: value for name, value in found.last.items() if name in seen}
    if found.count > count or mine["digest"] != saved["digest"] or _text_of(kept) != _text_of(seen):
        return f"{path} has other values up to step {step} than the run wrote: it was changed afterwards"
    return None


def _text_of(row: Mapping[str, float]) -> str:
    # an integer may be read back as a float, and -0.0 as 0
    return "\n".join(f"{name}={float(value) + 0.0!r}" for name, value in sorted(row.items())) + "\n\n"
