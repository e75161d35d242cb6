"""metrics.csv: one row a logged step, without gaps or duplicates across restarts."""

import csv
import io
import itertools
import math
import os
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

from tuneformer.errors import UserError, reason_of
from tuneformer.runs.files import write_whole
from tuneformer.runs.regular_file import open_regular
from tuneformer.runs.rows_written import MetricsRow, RowsWritten

FIRST_COLUMNS = ("step", "tokens", "seconds", "train/loss", "val/loss")
LONGEST_LINE = 1 << 24
LAST_BYTES = 1 << 18
"""At the end of a file, in which its last row is looked for."""
COMPARED = ("lr/", "test/", "train/", "val/")


class MetricsFile:
    """Writes metrics.csv. Values of one step that arrive one after another share a row.

    A row is written when a later step arrives, or at `flush`. A column that appears late is added to
    the header, and earlier rows are empty there.
    """

    def __init__(self, path: Path, *, first_step: int) -> None:
        """Goes on behind the row of `first_step`; what an earlier attempt wrote beyond is dropped."""
        self.path = path
        self.written = RowsWritten()
        self._pending: MetricsRow = {}
        self._rewrite(upto=first_step)

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
            self._rewrite(upto=self._last_step, row=row)
            return
        with self.path.open("a", newline="", encoding="utf-8") as file:
            file.write(_lines([row], self._columns))
        self._last_step = row["step"]
        self.written.add(row)

    def sync(self) -> None:
        """Writes the row that is still open, and returns once all rows are on the disk."""
        self.flush()
        with self.path.open("rb") as file:
            os.fsync(file.fileno())

    def _rewrite(self, *, upto: float, row: MetricsRow | None = None) -> None:
        """The rows up to a step and then `row`, under the columns of all of them; never all in memory."""

        def rows() -> Iterator[MetricsRow]:
            earlier = iterate_rows(self.path) if self.path.exists() else ()
            yield from (each for each in earlier if each["step"] <= upto)
            if row is not None:
                yield row

        columns, last_step = set[str](), -1.0
        self.written = RowsWritten()
        for each in rows():
            columns |= each.keys()
            last_step = each["step"]
            self.written.add(each)
        self._columns = in_order(columns or FIRST_COLUMNS)
        self._last_step = last_step

        def write(file: IO[bytes]) -> None:
            file.write(_csv([self._columns]).encode())
            for each in _joined(rows()):
                file.write(_lines([each], self._columns).encode())

        write_whole(self.path, write)


def _joined(rows: Iterable[MetricsRow]) -> Iterator[MetricsRow]:
    """Rows of one step, which follow one another, as one; the later value of a name counts."""
    for _, same in itertools.groupby(rows, key=lambda row: row["step"]):
        yield {name: value for row in same for name, value in row.items()}


def read_rows(path: Path) -> list[MetricsRow]:
    """The rows of a metrics.csv, each with the columns that it has a value for.

    A last line without its end was cut off by a kill, and is left out.

    Raises:
        UserError: the file is missing or damaged.
    """
    return list(iterate_rows(path))


def iterate_rows(path: Path) -> Iterator[MetricsRow]:
    """The same, one row after the other."""
    line = 1
    try:
        with open_regular(path) as opened, io.TextIOWrapper(opened, encoding="utf-8", newline="") as file:
            whole = (line for line in _bounded_lines(file) if line.endswith("\n"))
            table = csv.DictReader(whole)
            while (values := next(table, None)) is not None:
                line = table.line_num
                row = {name: float(value) for name, value in values.items() if value}
                if not math.isfinite(row.get("step", math.nan)):
                    raise ValueError("it has no step")
                yield row
                line += 1
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"{path} cannot be read: {reason_of(error)}") from error
    except UnicodeDecodeError as error:
        raise _damaged(path, _first_undecodable(path), "it is not UTF-8") from error
    except (ValueError, TypeError, csv.Error) as error:
        raise _damaged(path, line, reason_of(error)) from error


def _damaged(path: Path, line: int, reason: str) -> UserError:
    return UserError(
        f"{path} is damaged at line {line}: {reason}; remove that line (or the file), and the run can be"
        " read, and goes on with a note of what is lost"
    )


def _first_undecodable(path: Path) -> int:
    """The number of the first line that is not UTF-8: text is decoded in blocks of many lines."""
    with open_regular(path) as file:
        for number in itertools.count(1):
            try:
                file.readline(LONGEST_LINE).decode("utf-8")
            except UnicodeDecodeError:
                return number
    raise AssertionError


def rows_upto(path: Path, last: int) -> Iterator[tuple[int, MetricsRow]]:
    """The steps up to `last` that a run goes on behind, each with its values; none where there is no file."""
    for row in iterate_rows(path) if path.exists() else ():
        if (step := int(row.pop("step"))) > last:
            return
        yield step, row


def _bounded_lines(file: IO[str]) -> Iterator[str]:
    while line := file.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise ValueError(f"a line has more than {LONGEST_LINE:,} characters")
        yield line


def read_last_row(path: Path) -> MetricsRow:
    """The last whole row of a metrics.csv, by its first line and its end alone; empty where there is none.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        with open_regular(path) as file:
            header = file.readline(LONGEST_LINE)
            file.seek(max(len(header), file.seek(0, io.SEEK_END) - LAST_BYTES))
            lines = file.read().split(b"\n")[:-1]  # what follows the last end of a line was cut off by a kill
        names, last = column_names(header), lines[-1] if lines else b""
        values = last.decode("utf-8").rstrip("\r").split(",")
        row = dict(_numbered(names, values)) if last else {}
        if not all(math.isfinite(row.get(name, 0.0)) for name in ("step", "seconds")):
            raise ValueError("its last row has no step, or no seconds")
        return row
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {reason_of(error)}") from error


def column_names(line: bytes) -> list[str]:
    """The names in the first line of a metrics.csv; ValueError where it is no line of a CSV."""
    try:
        return next(csv.reader([line.decode("utf-8").rstrip("\r\n")], strict=True), [])
    except csv.Error as error:
        raise ValueError(str(error)) from None


def _numbered(names: list[str], values: list[str]) -> Iterator[tuple[str, float]]:
    for name, value in zip(names, values, strict=True):
        if value:
            yield name, float(value)


def read_columns(path: Path) -> "dict[str, array[float]]":
    """metrics.csv as one array a column, of equal length, NaN where a row has no value.

    Raises:
        UserError: the file is missing or damaged.
    """
    columns: dict[str, array[float]] = {}
    for number, row in enumerate(iterate_rows(path)):
        for name in row.keys() - columns.keys():
            columns[name] = array("d", [math.nan]) * number
        for name, column in columns.items():
            column.append(row.get(name, math.nan))
    return {name: columns[name] for name in in_order(columns)}


def read_values(path: Path) -> dict[str, dict[int, float]]:
    """metrics.csv as name -> step -> value: a step at which something was not measured is not there.

    Raises:
        UserError: the file is missing or damaged.
    """
    values: dict[str, dict[int, float]] = {}
    for row in iterate_rows(path):
        step = int(row.pop("step"))
        for name, value in row.items():
            values.setdefault(name, {})[step] = value
    return {name: values[name] for name in in_order(values)}


def in_order(columns: Collection[str]) -> list[str]:
    """Columns as metrics.csv has them: first those that are compared, so that the rest need not be read."""
    first = [column for column in FIRST_COLUMNS if column in columns]
    rest = sorted(set(columns) - set(first), key=lambda name: (not name.startswith(COMPARED), name))
    return [*first, *rest]


def _lines(rows: list[MetricsRow], columns: list[str]) -> str:
    return _csv([[_text(row.get(name)) for name in columns] for row in rows])


def _csv(lines: list[list[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(lines)
    return buffer.getvalue()


def _text(value: float | None) -> str:
    if value is None:
        return ""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))
