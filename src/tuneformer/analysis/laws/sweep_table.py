"""A table of losses over sizes, lengths, rates and batches, as sweeps."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tuneformer.analysis.compare.table_file import TableRow, read_rows
from tuneformer.analysis.laws.landscape import RateSweep, SweptRun
from tuneformer.config.suggestions import did_you_mean
from tuneformer.errors import UserError

PARAMETERS, TOKENS = "parameters", "tokens"
RATES = ("learning_rate", "lr", "peak_lr")
BATCH = "batch"
"""How the name of the column of batches begins; the rest says what they are counted in."""
LOSSES = ("loss", "smoothed_loss", "final_loss", "val/loss", "validation_loss")
"""The first that a table has: a smoothed loss is of many batches, a final one may be of the last."""


@dataclass(frozen=True, kw_only=True)
class SweepTable:
    """What a table holds.

    Attributes:
        sweeps: one for each size and length, the smallest first.
        loss: name of the column of losses.
        batch: name of the column of batches, which says their unit; "" where it has none.
        diverged: how many runs have no loss.
    """

    sweeps: tuple[RateSweep, ...]
    loss: str
    batch: str
    diverged: int


def read_sweeps(path: Path, *, loss: str | None, leave_out: Mapping[str, float]) -> SweepTable:
    """The sweeps of a CSV, without rows whose values are those of `leave_out`.

    Raises:
        UserError: the file cannot be read, lacks a column, or a cell is not what its column holds.
    """
    header, rows = read_rows(path)
    rate = _one_of(path, header, RATES)
    result = _one_of(path, header, LOSSES) if loss is None else loss
    for name in (PARAMETERS, TOKENS, result, *leave_out):
        if name not in header:
            raise UserError(f"--table={path} has no column {name}: {did_you_mean(name, header)}")
    batch = next((name for name in header if name.lower().startswith(BATCH)), "")
    runs: dict[tuple[float, float], list[SweptRun]] = {}
    diverged = 0
    for row in rows:
        if leave_out and all(row.number(name) == value for name, value in leave_out.items()):
            continue
        value = row.result(result)
        if not math.isfinite(value):
            diverged += 1
            continue
        run = SweptRun(
            learning_rate=_positive(row, rate),
            batch_size=_positive(row, batch) if batch else 1.0,
            loss=_positive(row, result),
        )
        runs.setdefault((_positive(row, PARAMETERS), _positive(row, TOKENS)), []).append(run)
    if not runs:
        raise UserError(f"--table={path} has no rows but those that are left out")
    return SweepTable(
        sweeps=tuple(
            RateSweep(parameters=size, tokens=length, runs=tuple(found))
            for (size, length), found in sorted(runs.items())
        ),
        loss=result,
        batch=batch,
        diverged=diverged,
    )


def _positive(row: TableRow, column: str) -> float:
    value = row.number(column)
    if value <= 0:
        raise UserError(f"{row.place(column)}: {row.text(column)} must be positive")
    return value


def _one_of(path: Path, header: Sequence[str], names: Sequence[str]) -> str:
    found = next((name for name in names if name in header), None)
    if found is None:
        raise UserError(f"--table={path} needs a column {' or '.join(names)}: it has {', '.join(header)}")
    return found
