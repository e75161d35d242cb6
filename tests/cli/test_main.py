"""The command `tuneformer`, in this process."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.conftest import Answer
from tuneformer.cli import main as cli
from tuneformer.process.invocation import STARTED_AS

ROOT = Path(__file__).parents[2]
STUDIES = {"bench", "compare-translators", "speedrun", "study-tasks"}
"""Scripts that remake the tables of docs/, for which a checkout is needed."""

Installed = Callable[..., Answer]

pytestmark = pytest.mark.fast


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Installed:
    """installed("train", "seed=1"): what the shell would run as `tuneformer train seed=1`."""

    def run(*arguments: str, program: str = "/somewhere/bin/tuneformer") -> Answer:
        monkeypatch.setattr(sys, "argv", [program, *arguments])
        monkeypatch.setenv(STARTED_AS, "")
        monkeypatch.delenv(STARTED_AS)
        capfd.readouterr()
        status = 0
        try:
            cli.main()
        except SystemExit as end:
            status = int(end.code or 0)
        printed = capfd.readouterr()
        return Answer(status=status, out=printed.out.splitlines(), err=printed.err.splitlines())

    return run


def test_every_script_that_is_no_study_is_a_command() -> None:
    scripts = {file.stem.replace("_", "-") for file in (ROOT / "scripts").glob("*.py")}
    assert {"train", *scripts} == {*cli.COMMANDS, *STUDIES}


@pytest.mark.parametrize("asked", [[], ["--help"], ["-h"]])
def test_the_commands_are_listed(asked: Sequence[str], installed: Installed) -> None:
    answer = installed(*asked)
    assert (answer.status, answer.err) == (0, [])
    assert answer.out[0] == "usage: tuneformer <command> ..."
    listed = {line.split()[0]: line.split(maxsplit=1)[1] for line in answer.out if line.startswith("  ")}
    assert tuple(listed) == cli.COMMANDS
    assert all(line[0].isupper() and line.endswith((".", "?")) for line in listed.values())


@pytest.mark.parametrize(
    ("typed", "hint"), [("trian", "did you mean train?"), ("find_lr", "did you mean find-lr?")]
)
def test_another_word_is_one_line(typed: str, hint: str, installed: Installed) -> None:
    answer = installed(typed, "seed=1")
    assert (answer.status, answer.out) == (2, [])
    assert answer.err == [f"error: {typed} is not a command of tuneformer: {hint}"]


@pytest.mark.parametrize("name", [name for name in cli.COMMANDS if name != "train"])
def test_each_says_what_it_takes_as_it_was_started(name: str, installed: Installed) -> None:
    answer = installed(name, "--help")
    assert (answer.status, answer.err) == (0, [])
    assert answer.out[0].startswith(f"usage: tuneformer {name} [-h]")
    assert "python" not in "".join(answer.out)
    module = installed(name, "--help", program="/somewhere/tuneformer/__main__.py")
    assert module.out[0].startswith(f"usage: python -m tuneformer {name} [-h]")


def test_training_says_its_groups_and_settings_as_it_was_started(
    installed: Installed, command: Installed
) -> None:
    answer = installed("train", "--help")
    assert "tuneformer train optimizer=adam scheduler=warmup        choose an option of a group" in answer.out
    assert (
        "python train.py optimizer=adam scheduler=warmup        choose an option of a group"
        in command("train.py", "--help").out
    )


def test_bad_input_is_one_line(installed: Installed) -> None:
    answer = installed("train", "optimizer.lrr=1e-3")
    assert (answer.status, answer.err) == (
        2,
        ["error: optimizer.lrr is not a setting: did you mean optimizer.lr?"],
    )
    answer = installed("compare", "nothing")
    assert (answer.status, len(answer.err)) == (2, 1)
