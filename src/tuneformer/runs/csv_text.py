"""Tables for other programs, whose text no spreadsheet takes for a formula."""

import csv
import io
import re
from collections.abc import Iterable, Sequence

# A spreadsheet computes what begins so. An apostrophe before it is what people type to keep it from that.
# One that is there already gets another, so that reading takes off exactly one.
_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_MARKED = re.compile("''*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def harmless(cell: object) -> str:
    """The cell as text, with an apostrophe before it if a spreadsheet would compute it; nothing for None."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if _FORMULA.match(text) and not _is_number(text) else text


def as_it_was(cell: str) -> str:
    """The text that `harmless` made `cell` of."""
    return cell[1:] if _MARKED.match(cell) else cell


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Rows as comma-separated values, a line each, every cell `harmless`."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([harmless(cell) for cell in row] for row in rows)
    return buffer.getvalue()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return not text[0].isspace()
