"""A table that any medium can show."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What is shown, and the number or word that it stands for (None: not known)."""

    text: str
    value: float | str | None


@dataclass(frozen=True, kw_only=True)
class Table:
    """Named columns and rows of cells; `note` says what a reader must know of it."""

    key: str
    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def without_empty_columns(self) -> "Table":
        """The same without the columns in which nothing is known."""
        kept = [i for i in range(len(self.columns)) if any(row[i].value is not None for row in self.rows)]
        return Table(
            key=self.key,
            title=self.title,
            note=self.note,
            columns=tuple(self.columns[i] for i in kept),
            rows=tuple(tuple(row[i] for i in kept) for row in self.rows),
        )


def word(text: str) -> Cell:
    """A cell of words."""
    return Cell(text=text, value=text or None)


def number(amount: float, text: str) -> Cell:
    """A cell of a number; NaN is not known."""
    return Cell(text=text, value=None if amount != amount else amount)


def make_table(
    key: str, title: str, note: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]
) -> Table:
    """A table; every row has a cell for each column."""
    assert all(len(row) == len(columns) for row in rows)
    return Table(
        key=key, title=title, note=note, columns=tuple(columns), rows=tuple(tuple(row) for row in rows)
    )
