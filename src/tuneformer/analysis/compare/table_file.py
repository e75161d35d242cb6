"""A table in a text file: columns with names, and rows that know where they stand."""

import csv
import io
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tuneformer.errors import UserError
from tuneformer.runs.regular_file import open_regular

SEPARATORS = (",", ";", "\t")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
WITHOUT_END = re.compile(r"[+-]?(nan|inf|infinity)|", re.ASCII | re.IGNORECASE)  # a run that diverged
SHOWN = 40  # characters of a cell


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """A row: its file and line, and its cells by the name of their column."""

    where: str
    cells: Mapping[str, str]

    def place(self, column: str | None) -> str:
        """Where a cell stands, for messages."""
        return f"{self.where}, column {column}"

    def text(self, column: str | None) -> str:
        """The text of a cell, without spaces around it; shortened for a message if need be."""
        return self.cells[column] if column else ""

    def number(self, column: str) -> float:
        """A cell that must be a number.

        Raises:
            UserError: it is not.
        """
        text = self.cells[column]
        if not NUMBER.fullmatch(text):
            raise UserError(f"{self.place(column)}: {_short(text)} is not a number{_hint(text)}")
        value = float(text)
        if math.isinf(value):
            raise UserError(f"{self.place(column)}: {_short(text)} is too large a number")
        return value

    def whole_number(self, column: str) -> int:
        """A cell that must be a whole number.

        Raises:
            UserError: it is not.
        """
        value = self.number(column)
        if not value.is_integer():
            raise UserError(f"{self.place(column)}: {_short(self.cells[column])} is not a whole number")
        return int(value)

    def result(self, column: str) -> float:
        """A result: a number, infinite where the cell says that there is none (empty, nan, inf).

        Raises:
            UserError: it is another text.
        """
        if WITHOUT_END.fullmatch(self.cells[column]):
            return math.inf
        try:
            return self.number(column)
        except UserError as error:
            raise UserError(f"{error}; a run that diverged is empty, nan or inf") from error

    def value(self, column: str) -> object:
        """A setting: a number where it is one, else its text."""
        return self.parsed(self.cells[column])

    @staticmethod
    def parsed(text: str) -> object:
        """A number where the text is one, else the text."""
        return float(text) if NUMBER.fullmatch(text) and math.isfinite(float(text)) else text


def read_rows(path: Path) -> tuple[list[str], list[TableRow]]:
    """The names of the columns, and the rows below them.

    Cells are separated by what the first line has most of: commas, semicolons or tabs. A column without a
    name is left out if it counts the rows, as some programs write it.

    Raises:
        UserError: the file cannot be read, is empty or has no rows, or a row or a name does not fit.
    """
    lines = _lines(path)
    if not lines:
        raise UserError(f"--table={path} is empty")
    (number, header), *rows = lines
    _check_names(path, number, header, [cells for _, cells in rows])
    if not rows:
        raise UserError(f"--table={path} has no rows below its first line")
    for number, cells in rows:
        if len(cells) != len(header):
            raise UserError(
                f"--table={path} is damaged: line {number} has {len(cells)} columns, the first line"
                f" {len(header)}"
            )
    return [name for name in header if name], [
        TableRow(
            where=f"{path}, line {number}",
            cells={name: cell for name, cell in zip(header, cells, strict=True) if name},
        )
        for number, cells in rows
    ]


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """The cells of each line that is not blank, with its number."""
    try:
        with open_regular(path) as opened, io.TextIOWrapper(opened, encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            separator = max(SEPARATORS, key=first.count)
            file.seek(0)
            reader = csv.reader(file, delimiter=separator, strict=True)
            found = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except (OSError, ValueError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise UserError(f"--table={path} cannot be read: {reason}") from error
    return [(number, cells) for number, cells in found if any(cells)]


def _check_names(path: Path, number: int, header: list[str], rows: list[list[str]]) -> None:
    for place, name in enumerate(header, start=1):
        if name and header.index(name) != place - 1:
            raise UserError(f"--table={path}: line {number} names two columns {name}")
        values = [cells[place - 1] for cells in rows if len(cells) >= place]
        counts = ([str(i) for i in range(len(values))], [str(i + 1) for i in range(len(values))])
        if not name and any(values) and values not in counts:
            raise UserError(f"--table={path}: line {number} gives column {place} no name")


def _short(text: str) -> str:
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")


def _hint(text: str) -> str:
    return " (the decimal sign is a point, and nothing parts thousands)" if "," in text else ""
