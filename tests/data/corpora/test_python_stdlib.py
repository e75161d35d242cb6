import sysconfig
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneformer.data.corpora.python_stdlib import PythonStdlib
from tuneformer.data.held_out import assign_splits
from tuneformer.errors import UserError


def corpus(cache_dir: Path) -> PythonStdlib:
    settings: dict[str, Any] = {
        "task": "language_modelling",
        "tokenizer": "bytes",
        "bpe_vocab_size": 300,
        "vocab_size": None,
        "context_length": 8,
        "batch_size": 4,
        "eval_batch_size": 4,
        "max_validation_bytes": 10_000_000,
        "num_workers": 0,
        "cache_dir": str(cache_dir),
    }
    return PythonStdlib(**settings)


def test_the_running_library_is_there_in_three_parts(tmp_path: Path) -> None:
    text = corpus(tmp_path).read()
    sizes = {name: sum(map(len, pieces)) for name, pieces in text.splits.items()}
    total = sum(sizes.values())
    assert total > 5_000_000
    assert 0.04 < sizes["validation"] / total <= 0.05
    assert 0.04 < sizes["test"] / total <= 0.05
    whole = "".join("".join(pieces) for pieces in text.splits.values())
    for source in ("dataclasses.py", "json/decoder.py", "asyncio/tasks.py"):
        assert Path(sysconfig.get_path("stdlib"), source).read_text() in whole


def test_preparing_the_library_again_finds_its_token_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = corpus(tmp_path).prepare()
    monkeypatch.setattr(PythonStdlib, "read", lambda self: pytest.fail("read again"))
    assert corpus(tmp_path).prepare().splits == first.splits


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "library"
    folder.mkdir()
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(folder))
    return folder


@pytest.mark.fast
def test_tests_packages_and_what_is_not_utf8_are_left_out(library: Path) -> None:
    for name, content in {
        "one.py": "one = 1\n",
        "two/__init__.py": "two = 2\n",
        "two/tests/test_two.py": "left = 1\n",
        "test/test_one.py": "left = 2\n",
        "site-packages/numpy.py": "left = 3\n",
        "_sysconfigdata_x.py": "left = 4\n",
        "notes.txt": "left = 5\n",
    }.items():
        (library / name).parent.mkdir(parents=True, exist_ok=True)
        (library / name).write_text(content)
    (library / "three.py").write_bytes(b"# caf\xe9\n")
    text = corpus(library.parent).read()
    assert "".join(text.train) == "one = 1\n\ntwo = 2\n\n"


@pytest.mark.fast
def test_a_python_without_sources_is_told(library: Path) -> None:
    with pytest.raises(UserError, match=r"data=python_stdlib finds no sources in .*: use data=text"):
        corpus(library.parent).prepare()


@pytest.mark.fast
@given(sizes=st.dictionaries(st.text("abcdef", min_size=1, max_size=4), st.integers(1, 50), max_size=80))
def test_held_out_parts_never_exceed_their_share_and_do_not_depend_on_order(sizes: dict[str, int]) -> None:
    splits = assign_splits(sizes)
    assert splits.keys() == sizes.keys()
    for part in ("validation", "test"):
        assert sum(sizes[name] for name in sizes if splits[name] == part) <= 0.05 * sum(sizes.values())
    assert assign_splits(dict(reversed(sizes.items()))) == splits


@pytest.mark.fast
def test_many_small_modules_fill_both_held_out_parts() -> None:
    splits = list(assign_splits({f"module{i}": 10 for i in range(200)}).values())
    assert (splits.count("validation"), splits.count("test")) == (10, 10)
