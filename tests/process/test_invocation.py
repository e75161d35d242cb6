"""Commands are written as the user started this one."""

import re
import sys
from pathlib import Path

import pytest

import tuneformer
from tuneformer.process.invocation import STARTED_AS, command_for, remember_start, start_words, typed_command

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("started", "train", "find_lr"),
    [
        (("tuneformer", "compare"), "tuneformer train", "tuneformer find-lr"),
        (
            ("python", "-m", "tuneformer", "train"),
            "python -m tuneformer train",
            "python -m tuneformer find-lr",
        ),
        (("python", "train.py"), "python train.py", "python scripts/find_lr.py"),
        (("python", "./scripts/compare.py"), "python train.py", "python scripts/find_lr.py"),
        (("python", "compare.py"), "python ../train.py", "python ../scripts/find_lr.py"),
        (("python", "../it/train.py"), "python ../it/train.py", "python ../it/scripts/find_lr.py"),
        (("python", "/a b/train.py"), "python '/a b/train.py'", "python '/a b/scripts/find_lr.py'"),
    ],
)
def test_another_command_is_started_in_the_same_way(
    started: tuple[str, ...], train: str, find_lr: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(STARTED_AS, "")
    monkeypatch.setattr(sys, "argv", ["whatever", "seed=1", "name=a b"])
    remember_start(*started)
    assert (command_for("train"), command_for("find-lr")) == (train, find_lr)
    assert typed_command() == [*started, "seed=1", "name=a b"]


def test_of_a_program_that_calls_the_library_its_own_words_are_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(STARTED_AS, raising=False)
    monkeypatch.setattr(sys, "argv", ["mine.py", "--fast"])
    assert typed_command() == ["mine.py", "--fast"]
    assert start_words() == ["tuneformer", "train"]
    assert command_for("status") == "tuneformer status"


def test_what_is_printed_spells_no_command_of_a_checkout() -> None:
    source = Path(tuneformer.__file__).parent
    spelled = re.compile(r"python (train\.py|scripts/)")
    found = {file.name for file in source.rglob("*.py") if spelled.search(file.read_text(encoding="utf-8"))}
    assert found == {"invocation.py", "reference.py"}  # the latter writes a page of docs/
