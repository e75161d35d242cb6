"""What a script does not take is one line and exit status 2."""

import argparse
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from tuneformer.cli.command_line import CommandParser
from tuneformer.cli.main import COMMANDS
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        ("preview.py", ["--optimizer.lr=0.1"], "settings are written without dashes, optimizer.lr=0.1"),
        (
            "preview.py",
            ["optimizer.lr", "0.1"],
            "optimizer.lr 0.1 is not an override: write optimizer.lr=0.1",
        ),
        ("find_lr.py", ["lr=1e-3"], "did you mean optimizer.lr"),
        ("generate.py", ["run", "--tokns", "3"], "unrecognized arguments: --tokns 3 (--help lists"),
        ("generate.py", ["run", "--tokens", "x"], "argument --tokens: invalid int value: 'x'"),
        ("compare.py", ["--metricc", "loss"], "unrecognized arguments: --metricc"),
        ("evaluate.py", [], "the following arguments are required: run"),
        ("generate.py", ["run", "--seed=-1"], "--seed=-1 must be 0 or more"),
        ("bench.py", ["--repeats=0"], "--repeats=0 must be at least 1"),
        ("study_tasks.py", ["--workers=0"], "--workers=0 must be at least 1"),
        ("study_tasks.py", ["--name="], "sweep= must name a folder below outputs/sweeps"),
        (
            "evaluate.py",
            ["x" * 300],
            "argument run: it=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx... is too long",
        ),
        ("diagnose.py", [""], "argument runs: it is empty: give a path"),
        ("status.py", ["/dev/null"], "/dev/null is not a folder: give one such as outputs/sweeps/<sweep>"),
        (
            "dashboard.py",
            ["--to=/proc/here"],
            "/proc/here cannot be read or written: No such file or directory",
        ),
    ],
)
def test_one_line_says_what_is_wrong(
    script: str, arguments: list[str], message: str, command: Callable[..., Any]
) -> None:
    answer = command(f"scripts/{script}", *arguments)
    assert answer.status == 2
    (line,) = answer.err
    assert line.startswith("error: ")
    assert message in line


class _ReadParserError(Exception):
    """Ends a command where it reads its options."""


@pytest.fixture(params=COMMANDS)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> CommandParser | None:
    """That of each command; None of `train`, `ask` and `ladder`, whose options are Hydra's."""
    read: list[CommandParser] = []

    def remember(self: CommandParser, *_: Any) -> None:
        read.append(self)
        raise _ReadParserError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", remember)
    monkeypatch.setattr(argparse.ArgumentParser, "parse_intermixed_args", remember)
    monkeypatch.setattr("sys.argv", [request.param])
    if request.param in ("train", "ask", "ladder"):
        return None
    with pytest.raises(_ReadParserError):
        import_module(f"tuneformer.cli.{request.param.replace('-', '_')}").main()
    return read[0]


def test_every_number_of_every_command_has_a_range(parser: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    actions: list[Any] = [] if parser is None else parser._actions
    monkeypatch.undo()
    for action in actions:
        if action.type not in (int, float):
            continue
        name = action.option_strings[0]
        no_number = ("nan", "inf", "-inf") if action.type is float else ("-1", f"{2**63}")
        for value in ("1" + "0" * 400, *no_number):
            with pytest.raises(UserError, match=rf"^{name}=\S+ must (be|fit)"):
                action(parser, argparse.Namespace(), action.type(value))


@pytest.mark.parametrize("value", ["\u00b2", "1" + "0" * 5000, "nan"])
def test_what_is_no_whole_number_is_no_width(value: str, command: Callable[..., Any]) -> None:
    answer = command("scripts/coordinate_check.py", f"--widths=32,{value}")
    assert (answer.status, len(answer.err)) == (2, 1)
    assert answer.err[0].startswith("error: --widths=32,")
