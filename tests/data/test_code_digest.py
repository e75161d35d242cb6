"""Which edits change the digest of a component's code."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tuneformer.data.code_digest import _file, _folder, code_digest
from tuneformer.data.text.text_data import TextData

pytestmark = pytest.mark.fast

PACKAGE = {
    "__init__": "",
    "verses": "from plays import rhyme\nfrom .words import split\nclass Verses: pass\n",
    "rhyme": "import json\n",
    "words": "def split():\n    from plays.late import letters\n",
    "late": "letters = 26\n",
    "prose": "from plays.verses import Verses\n",
}


@pytest.fixture
def verses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type]:
    folder = tmp_path / "plays"
    folder.mkdir()
    for name, source in PACKAGE.items():
        (folder / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    for cached in (_file, _folder):  # each test has a package of that name
        cached.cache_clear()
    yield importlib.import_module("plays.verses").Verses
    for name in [name for name in sys.modules if name.partition(".")[0] == "plays"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("module", "counts"),
    [("verses", True), ("rhyme", True), ("words", True), ("late", True), ("prose", False)],
)
def test_the_digest_is_of_the_module_and_of_what_it_imports(
    verses: type, tmp_path: Path, module: str, counts: bool
) -> None:
    before = code_digest(verses)
    assert code_digest(verses) == before
    (tmp_path / "plays" / f"{module}.py").write_text(PACKAGE[module] + "# edited\n")
    assert (code_digest(verses) != before) == counts


def test_of_what_stands_alone_neither_bases_nor_imports_count(verses: type, tmp_path: Path) -> None:
    before = code_digest(type("Mine", (verses,), {"__module__": __name__}), alone=(verses,))
    (tmp_path / "plays" / "rhyme.py").write_text("import math\n")
    assert code_digest(type("Mine", (verses,), {"__module__": __name__}), alone=(verses,)) == before
    (tmp_path / "plays" / "verses.py").write_text("class Verses: pass\n")
    assert code_digest(type("Mine", (verses,), {"__module__": __name__}), alone=(verses,)) != before


def test_a_class_without_a_source_file_is_never_the_same() -> None:
    mine = type("Mine", (TextData,), {"__module__": "typed_in"})
    assert code_digest(mine, alone=(TextData,)) != code_digest(mine, alone=(TextData,))
