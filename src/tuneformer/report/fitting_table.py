"""A table for a terminal of any width: no value is broken in two, and what finds no room is told."""

from collections.abc import Collection, Mapping, Sequence

from rich.table import Table

BETWEEN, AROUND = 3, 1
"""Characters that rich puts beside each column, and beside the whole table."""


def fitting_table(
    title: str,
    rows: Sequence[Mapping[str, str]],
    *,
    width: int,
    words: Collection[str],
    dispensable: Sequence[str],
) -> tuple[Table, list[str]]:
    """The table of those columns that have a value and fit, and the names of those that found no room.

    Args:
        title: above it.
        rows: column -> text, the same columns in each.
        width: of the terminal, in characters.
        words: columns of text, which may go on in a next line between two words; all others are numbers.
        dispensable: columns that may be left out, the first of them first.
    """
    kept = [column for column in rows[0] if any(row[column] for row in rows)]
    narrow = {column: _narrowest(column, rows, is_text=column in words) for column in kept}
    left_out: list[str] = []
    for column in dispensable:
        if _total(narrow, kept) <= width:
            break
        if column in kept:
            kept.remove(column)
            left_out.append(column)
    table, widths = Table(title=title, title_justify="left"), _widened(narrow, kept, rows, width=width)
    for column in kept:
        justify = "left" if column in words else "right"
        table.add_column(column, justify=justify, width=widths[column], overflow="fold")
    for row in rows:
        table.add_row(*(row[column] for column in kept))
    return table, left_out


def _widened(
    narrow: Mapping[str, int], columns: Sequence[str], rows: Sequence[Mapping[str, str]], *, width: int
) -> dict[str, int]:
    """Widths that use the room there is: first for headers in one line, then for texts in one line."""
    widths, room = {**narrow}, width - _total(narrow, columns)
    longest = {column: max(len(row[column]) for row in rows) for column in columns}
    for wished in ({column: len(column) for column in columns}, longest):
        for column in columns:
            more = min(max(wished[column] - widths[column], 0), max(room, 0))
            widths[column] += more
            room -= more
    return widths


def _total(widths: Mapping[str, int], columns: Sequence[str]) -> int:
    return sum(widths[each] + BETWEEN for each in columns) + AROUND


def _narrowest(column: str, rows: Sequence[Mapping[str, str]], *, is_text: bool) -> int:
    """How narrow a column can be: its header breaks between words, its numbers do not break."""
    texts = [row[column] for row in rows]
    parts = [*column.split(), *(word for text in texts for word in text.split())] if is_text else texts
    return max(map(len, [*parts, *column.split()]))
