"""translations.tsv: what a model made of every sentence of the test split."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tuneformer.errors import UserError

TRANSLATIONS_FILE = "translations.tsv"


class Translated(NamedTuple):
    """A sentence, its translation by people and that by the model."""

    source: str
    reference: str
    translation: str


def translations_text(rows: Iterable[Translated]) -> str:
    """The content of the file: a line of names, then a line for each sentence, its parts between tabs."""
    lines = ("\t".join(" ".join(part.split()) for part in row) for row in rows)
    return "\n".join(["\t".join(Translated._fields), *lines]) + "\n"


def read_translations(path: Path) -> list[Translated]:
    """What `translations_text` wrote, in order of the sentences alone, so that runs compare.

    Raises:
        UserError: the file is missing.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")[1:-1]
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    rows = [Translated(*line.split("\t")) for line in lines]
    return sorted(rows, key=lambda row: (len(row.source), row))
