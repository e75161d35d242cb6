"""Message catalogues: what a program says, in many languages (GNU gettext, .mo files)."""

import gettext
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CATALOGUE = re.compile(r"(?:^|/)locale/([^/]+)/LC_MESSAGES/[^/]+\.mo$")
PLACEHOLDER = re.compile(r"%\(\w+\)[a-zA-Z]|%[a-zA-Z]|\{\w*\}|<[^>]*>")


class Sentence(NamedTuple):
    """A message in one language.

    Attributes:
        message: what identifies it in every language, with its context and its number.
    """

    language: str
    message: str
    text: str


def read_catalogues(archive: Path) -> Iterator[Sentence]:
    """Every translated message of the catalogues locale/*/LC_MESSAGES/*.mo in a zip file, in their order."""
    with zipfile.ZipFile(archive) as files:
        for name in sorted(files.namelist()):
            found = CATALOGUE.search(name)
            if found is not None:
                for message, text in read_catalogue(files.read(name)):
                    yield Sentence(found[1], message, text)


def read_catalogue(content: bytes) -> Iterator[tuple[str, str]]:
    """Identity and translation of each message of a .mo file but its header; plural forms count singly."""
    translations = gettext.GNUTranslations(io.BytesIO(content))
    # gettext has no other way to list what it read
    catalogue: dict[str | tuple[str, int], str] = getattr(translations, "_catalog")  # noqa: B009
    for key, text in catalogue.items():
        message = key if isinstance(key, str) else key[0]
        if message and text:
            yield message, text


def plain(text: str) -> str:
    """A message without placeholders, tags and line breaks: they are the same in every language."""
    return " ".join(PLACEHOLDER.sub(" ", text).split())
