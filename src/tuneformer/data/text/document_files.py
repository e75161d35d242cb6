"""The documents of a user's text files: whole files, or what lies between separators."""

import mmap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tuneformer.data.held_out import assign_documents
from tuneformer.data.text.corpus_text import DOCUMENT_START, CorpusText, SplitHash, hash_text
from tuneformer.data.text.file_parts import FilePart, count_characters
from tuneformer.errors import UserError

FEWEST = 3
"""Different documents that three splits need."""


@dataclass(frozen=True)
class Document:
    """A stretch of a file, and the hash of its text: equal documents are one, wherever they stand."""

    text: FilePart
    content: SplitHash


@dataclass(frozen=True)
class DocumentText:
    """Documents as a text: DOCUMENT_START before each. May be iterated again."""

    documents: Sequence[Document]

    def __iter__(self) -> Iterator[str]:
        for document in self.documents:
            yield DOCUMENT_START
            yield from document.text


def documents_of(files: Iterable[Path], *, separator: str | None, setting: str) -> list[Document]:
    """The documents of files in their order, without empty ones.

    `separator`: the text between two documents of a file; line breaks beside it are in neither. None: a file
    is a document.

    Raises:
        UserError: a file is not UTF-8 or cannot be read; the message names `setting`.
    """
    found: list[Document] = []
    for file in files:
        try:
            count_characters(file, setting=setting)
            parts = [FilePart(file)] if separator is None else parts_between(file, separator)
            found += [Document(part, hash_text(part)) for part in parts]
        except OSError as error:
            raise UserError(f"{setting}={file} cannot be read ({error.strerror})") from None
    return found


def parts_between(file: Path, separator: str) -> list[FilePart]:
    """What lies between separators, and before the first and behind the last, where it is no line break."""
    sought, parts = separator.encode(), list[FilePart]()
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        start = 0
        while start <= len(content):
            found = content.find(sought, start)
            end = stop = len(content) if found < 0 else found
            while start < stop and content[start] in b"\r\n":
                start += 1
            while start < stop and content[stop - 1] in b"\r\n":
                stop -= 1
            if start < stop:
                parts.append(FilePart(file, start, stop))
            start = end + len(sought)
    return parts


def split_of_documents(documents: Sequence[Document], *, asked: str) -> CorpusText:
    """Documents dealt to three splits by their content: no split has a document of another.

    Raises:
        UserError: there are too few; `asked` is the setting and its value.
    """
    sizes = Counter[str]()
    for document in documents:
        sizes[document.content.sha256] += document.content.n_bytes
    if len(sizes) < FEWEST:
        raise UserError(
            f"{asked} needs {FEWEST} different documents or more, and data.path has {len(sizes)}: a document"
            " is a file of a folder, what lies between data.document_separator=<text>, or a row of data=hf"
        )
    splits = assign_documents(sizes)
    dealt: dict[str, list[Document]] = {"train": [], "validation": [], "test": []}
    for document in documents:
        dealt[splits[document.content.sha256]].append(document)
    counts = ", ".join(f"{len(found):,} {name}" for name, found in dealt.items())
    return CorpusText(
        **{name: DocumentText(found) for name, found in dealt.items()}, notes=(f"documents: {counts}",)
    )


def held_out_documents(train: Sequence[Document], held_out: Sequence[Document]) -> CorpusText:
    """Documents that train, without those that are held out too; test is the validation text.

    Raises:
        UserError: none is left to train on.
    """
    known = {document.content.sha256 for document in held_out}
    left = [document for document in train if document.content.sha256 not in known]
    if not left or not held_out:
        raise UserError("data.validation_path and data.path must have documents, and not the same ones")
    notes = [
        "test is the validation text, whole: this corpus has no third part",
        f"documents: {len(left):,} train, {len(held_out):,} validation",
    ]
    if len(left) < len(train):
        notes.append(f"{len(train) - len(left):,} documents of data.path are held out: they do not train")
    text = DocumentText(held_out)
    return CorpusText(train=DocumentText(left), validation=text, test=text, notes=tuple(notes))
