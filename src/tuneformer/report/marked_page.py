"""A Markdown page whose table a command makes: the words around it stay."""

from pathlib import Path

from tuneformer.errors import UserError
from tuneformer.runs.files import write_text

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


def check_marks(page: Path) -> None:
    """Raises UserError where `replace_table` would: before what the table is made of is read."""
    _parts(page)


def replace_table(page: Path, table: str) -> None:
    """Put `table` between the marks of `page`.

    Raises:
        UserError: the page is missing, has no marks, or cannot be written.
    """
    before, after = _parts(page)
    try:
        write_text(page, f"{before}{BEGIN}\n{table}\n{END}{after}")
    except OSError as error:
        raise UserError(f"{page} cannot be written: {error.strerror}") from error


def _parts(page: Path) -> tuple[str, str]:
    """What stands before and after the marks."""
    try:
        text = page.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{page} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{page} is no text") from error
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise UserError(f"{page} has no lines {BEGIN} and {END} to write the table between")
    return before, after
