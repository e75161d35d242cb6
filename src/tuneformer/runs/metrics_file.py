"""metrics.csv: one row a logged step, without gaps or duplicates across restarts."""

import csv
import io
import math
from collections.abc import Collection, Mapping
from pathlib import Path

from tuneformer.errors import UserError
from tuneformer.runs.files import write_text

Row = dict[str, float]
FIRST_COLUMNS = ("step", "tokens", "seconds", "train/loss", "val/loss")
COMPARED = ("lr/", "test/", "train/", "val/")


class MetricsFile:
    """Writes metrics.csv. Values of one step that arrive one after another share a row.

    A row is written when a later step arrives, or at `flush`. A column that appears late is added to
    the header, and earlier rows are empty there.
    """

    def __init__(self, path: Path, *, first_step: int) -> None:
        """Goes on behind the row of `first_step`; what an earlier attempt wrote beyond is dropped."""
        self.path = path
        self._pending: Row = {}
        earlier = read_rows(path) if path.exists() else []
        self._rewrite([row for row in earlier if row["step"] <= first_step])

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Adds values to the row of `step`; steps never go back."""
        if self._pending and self._pending["step"] != step:
            self.flush()
        self._pending |= {"step": step, **{name: float(value) for name, value in values.items()}}

    def flush(self) -> None:
        """Writes the row that is still open."""
        if not self._pending:
            return
        row, self._pending = self._pending, {}
        if row["step"] == self._last_step or row.keys() - set(self._columns):
            self._rewrite([*read_rows(self.path), row])
            return
        with self.path.open("a", newline="", encoding="utf-8") as file:
            file.write(_lines([row], self._columns))
        self._last_step = row["step"]

    def _rewrite(self, rows: list[Row]) -> None:
        merged: dict[float, Row] = {}
        for row in rows:
            merged[row["step"]] = {**merged.get(row["step"], {}), **row}
        self._columns = in_order({column for row in rows for column in row} or set(FIRST_COLUMNS))
        self._last_step = max(merged, default=-1.0)
        write_text(self.path, _csv([self._columns]) + _lines(list(merged.values()), self._columns))


def read_rows(path: Path) -> list[Row]:
    """The rows of a metrics.csv, each with the columns that it has a value for.

    A last line without its end was cut off by a kill, and is left out.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        text = path.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]
        rows = [
            {name: float(value) for name, value in row.items() if value}
            for row in csv.DictReader(io.StringIO(whole))
        ]
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    if not all("step" in row for row in rows):
        raise UserError(f"{path} is damaged: a row has no step")
    return rows


def read_columns(path: Path) -> dict[str, list[float]]:
    """metrics.csv as one list a column, of equal length, NaN where a row has no value."""
    rows = read_rows(path)
    names = in_order({name for row in rows for name in row})
    return {name: [row.get(name, math.nan) for row in rows] for name in names}


def in_order(columns: Collection[str]) -> list[str]:
    """Columns as metrics.csv has them: first those that are compared, so that the rest need not be read."""
    first = [column for column in FIRST_COLUMNS if column in columns]
    rest = sorted(set(columns) - set(first), key=lambda name: (not name.startswith(COMPARED), name))
    return [*first, *rest]


def _lines(rows: list[Row], columns: list[str]) -> str:
    return _csv([[_text(row.get(name)) for name in columns] for row in rows])


def _csv(lines: list[list[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(lines)
    return buffer.getvalue()


def _text(value: float | None) -> str:
    if value is None:
        return ""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))
