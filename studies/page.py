"""A page of docs/results whose table is made by a command: the words around it stay."""

from pathlib import Path

from tuneformer.errors import UserError
from tuneformer.runs.files import write_text

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


def replace_table(page: Path, table: str) -> None:
    """Replaces what stands between the marks of `page`.

    Raises:
        UserError: the page is missing or has no marks.
    """
    try:
        text = page.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"--report={page} cannot be read: {error.strerror}") from error
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise UserError(f"--report={page} has no lines {BEGIN} and {END} to write the table between")
    write_text(page, f"{before}{BEGIN}\n{table}\n{END}{after}")
