"""The running Python's own library, as a corpus that needs no network."""

import os
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from tuneformer.data.contract import SPLITS
from tuneformer.data.held_out import assign_splits
from tuneformer.data.text.corpus_text import CorpusText, laid_out
from tuneformer.data.text.text_data import TextData
from tuneformer.errors import UserError

LEFT_OUT = frozenset({"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"})


@dataclass(frozen=True, kw_only=True)
class PythonStdlib(TextData):
    """The .py files of the standard library, without tests, installed packages and generated build data.

    A top-level module is whole in one split. In the order of the SHA-256 of their names, modules go to
    validation while they fit into 5 % of the bytes, then to test likewise; the others train. Files that
    are not UTF-8 are left out.

    Raises:
        UserError: this Python comes without sources.
    """

    def source(self) -> object:
        return [[str(file), (stat := file.stat()).st_size, stat.st_mtime_ns] for file in _library_files()]

    def read(self) -> CorpusText:
        folder = _library_folder()
        module_texts: dict[str, list[str]] = {}
        for file in _library_files():
            try:
                text = file.read_bytes().decode()
            except UnicodeDecodeError:
                continue
            module = file.relative_to(folder).parts[0].removesuffix(".py")
            module_texts.setdefault(module, []).append(text)
        splits = assign_splits(
            {name: sum(len(text) + 1 for text in texts) for name, texts in module_texts.items()}
        )
        texts: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
        for name, parts in module_texts.items():
            texts[splits[name]] += parts
        marked = self.documents is not None
        train, validation, test = (laid_out(texts[name], gap="\n", marked=marked) for name in SPLITS)
        return CorpusText(train=train, validation=validation, test=test)


def _library_folder() -> Path:
    return Path(sysconfig.get_path("stdlib"))


def _library_files() -> list[Path]:
    found: list[Path] = []
    for folder, subfolders, names in os.walk(_library_folder()):
        subfolders[:] = [name for name in subfolders if name not in LEFT_OUT]
        sources = (name for name in names if name.endswith(".py") and not name.startswith("_sysconfigdata"))
        found += [Path(folder, name) for name in sources]
    if not found:
        where = f"data=python_stdlib finds no sources in {_library_folder()}"
        raise UserError(f"{where}: use data=text data.path=FILE_OR_FOLDER")
    return sorted(found)
