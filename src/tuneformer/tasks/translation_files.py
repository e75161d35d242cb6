"""translations.tsv: what a model made of every sentence of the test split."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tuneformer.errors import UserError, reason_of
from tuneformer.runs.csv_text import as_it_was, harmless
from tuneformer.runs.regular_file import read_regular

TRANSLATIONS_FILE = "translations.tsv"
AT_MOST_BYTES = 1 << 30


class Translated(NamedTuple):
    """A sentence, its translation by people and that by the model."""

    source: str
    reference: str
    translation: str


def translations_text(rows: Iterable[Translated]) -> str:
    """The content of the file: a line of names, then a line for each sentence, its parts between tabs.

    A part that a spreadsheet would compute has an apostrophe before it (`csv_text.harmless`).
    """
    lines = ("\t".join(harmless(" ".join(part.split())) for part in row) for row in rows)
    return "\n".join(["\t".join(Translated._fields), *lines]) + "\n"


def read_translations(path: Path) -> list[Translated]:
    """What `translations_text` wrote, in order of the sentences alone, so that runs compare.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        lines = read_regular(path, at_most=AT_MOST_BYTES).decode("utf-8").split("\n")[1:-1]
        rows = [Translated(*map(as_it_was, line.split("\t"))) for line in lines]
    except (OSError, ValueError, TypeError) as error:  # a line of another number of parts
        raise UserError(f"{path} cannot be read: {reason_of(error)}") from error
    return sorted(rows, key=lambda row: (len(row.source), row))
