"""Any UTF-8 text of the user's own."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

from tuneformer.config.setting import Setting
from tuneformer.data.text.corpus_text import CorpusText
from tuneformer.data.text.document_files import documents_of, held_out_documents, split_of_documents
from tuneformer.data.text.file_parts import Concatenation, CountedFile, FilePart, count_characters
from tuneformer.data.text.text_data import TextData
from tuneformer.errors import UserError

SUFFIXES = (".txt", ".md", ".text")
ROWS = (".jsonl", ".ndjson", ".parquet", ".arrow")
MARKUP = (".json", ".csv", ".tsv", ".xml", ".html")


@dataclass(frozen=True, kw_only=True)
class Text(TextData):
    """A UTF-8 file, or all files of a folder that end in .txt, .md or .text.

    A folder's files are taken at any depth in the order of their relative paths, and joined by a line
    break. Of the n characters the first int(0.9 n) train and the rest validates, as in nanoGPT;
    or `path` trains whole and `validation_path` validates (never trains, if it lies inside `path`).
    Test is the validation text, whole. Line ends and byte-order marks are kept as they are.

    With `documents` each file is one, or what lies between `document_separator`; they are dealt to the splits
    whole, by their content: about 5 % validate and as much tests, one at least. With `validation_path` those
    of `path` train that are not in it.

    Raises:
        UserError: a path is missing, empty or not UTF-8, or holds rows of columns.
    """

    path: Annotated[str, Setting("a UTF-8 file or a folder of them", weights=False)]
    validation_path: Annotated[
        str | None,
        Setting("held-out text, likewise", null="the last tenth of the characters of path", weights=False),
    ]
    document_separator: Annotated[
        str | None,
        Setting(
            "text between two documents of a file, where documents are told apart",
            null="a file is a document",
            added_later=True,
        ),
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.document_separator is None:
            return
        if not self.document_separator:
            raise UserError("data.document_separator is empty: give the text between two documents")
        if self.documents is None:
            raise UserError(
                f"data.document_separator={self.document_separator!r} has no meaning without"
                " data.documents=packed or separate"
            )

    def source(self) -> object:
        train, validation = self._files()
        stamps: list[object] = [[_stamp(file) for file in train], [_stamp(file) for file in validation]]
        return stamps if self.document_separator is None else [*stamps, self.document_separator]

    def read(self) -> CorpusText:
        train_files, validation_files = self._files()
        if self.documents is not None:
            return self._documents(train_files, validation_files)
        train = _pieces(train_files, "data.path")
        if validation_files:
            validation = _pieces(validation_files, "data.validation_path")
        else:
            n_characters = sum(piece.n_characters for piece in train)
            train, validation = _split(train, int(0.9 * n_characters))
        held_out = Concatenation(piece.text for piece in validation)
        return CorpusText(
            train=Concatenation(piece.text for piece in train),
            validation=held_out,
            test=held_out,
            notes=(
                "test is the validation text, whole: this corpus has no third part",
                *_markup_notes([*train_files, *validation_files]),
            ),
        )

    def _documents(self, train_files: list[Path], validation_files: list[Path]) -> CorpusText:
        separator = self.document_separator
        train = documents_of(train_files, separator=separator, setting="data.path")
        if not validation_files:
            return split_of_documents(train, asked=f"data.documents={self.documents}")
        held_out = documents_of(validation_files, separator=separator, setting="data.validation_path")
        return held_out_documents(train, held_out)

    def _files(self) -> tuple[list[Path], list[Path]]:
        path = Path(self.path).expanduser()
        train = text_files(path, setting="data.path")
        if self.validation_path is None:
            return train, []
        validation = text_files(Path(self.validation_path).expanduser(), setting="data.validation_path")
        held_out = {file.resolve() for file in validation}
        train = [file for file in train if file.resolve() not in held_out]
        if not train:
            raise UserError(
                f"data.validation_path={self.validation_path} holds all of data.path={self.path}: "
                "nothing is left to train on"
            )
        return train, validation


class _Piece(NamedTuple):
    text: Iterable[str]
    n_characters: int
    file: CountedFile | None


def text_files(path: Path, *, setting: str) -> list[Path]:
    """The file itself, or a folder's text files that are not empty, sorted by relative path.

    Raises:
        UserError: there is none; the message names `setting`.
    """
    try:
        if path.is_dir():
            found = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
            files = [file for file in found if file.is_file() and file.stat().st_size]
            if not files:
                raise UserError(f"{setting}={path} is a folder without text: give one with {_listed()} files")
            return files
        if path.suffix.lower() in ROWS:
            raise UserError(
                f"{setting}={path} holds rows of columns, not a text: data=hf data.path={path}"
                " data.column=text reads one of them"
            )
        if not path.is_file():
            state = "is neither a file nor a folder" if path.exists() else "does not exist"
            raise UserError(f"{setting}={path} {state}: give a UTF-8 text file or a folder of them")
        if not path.stat().st_size:
            raise UserError(f"{setting}={path} is empty: give a UTF-8 text file or a folder of them")
    except OSError as error:
        raise UserError(f"{setting}={path} cannot be read ({error.strerror})") from None
    return [path]


def _markup_notes(files: list[Path]) -> list[str]:
    found = sorted({file.suffix.lower() for file in files} & set(MARKUP))
    if not found:
        return []
    return [f"{' and '.join(found)} is read as it stands, signs of its format included"]


def _listed() -> str:
    return f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"


def _stamp(file: Path) -> list:
    stat = file.stat()
    # the time of change cannot be set back, as that of modification can
    return [str(file.resolve()), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


def _pieces(files: list[Path], setting: str) -> list[_Piece]:
    """The files with line breaks between them."""
    pieces: list[_Piece] = []
    for file in files:
        try:
            counted = count_characters(file, setting=setting)
        except OSError as error:
            raise UserError(f"{setting}={file} cannot be read ({error.strerror})") from None
        if pieces:
            pieces.append(_Piece(("\n",), 1, None))
        pieces.append(_Piece(FilePart(file), counted.n_characters, counted))
    return pieces


def _split(pieces: list[_Piece], cut: int) -> tuple[list[_Piece], list[_Piece]]:
    """The first `cut` characters, and the rest."""
    before: list[_Piece] = []
    after: list[_Piece] = []
    for piece in pieces:
        n = min(max(cut, 0), piece.n_characters)
        cut -= piece.n_characters
        if n == piece.n_characters:
            before.append(piece)
        elif n == 0:
            after.append(piece)
        else:
            assert piece.file is not None
            first, rest = piece.file.split(n)
            before.append(_Piece(first, n, None))
            after.append(_Piece(rest, piece.n_characters - n, None))
    return before, after
