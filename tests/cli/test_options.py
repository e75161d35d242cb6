"""What a script does not take is one line and exit status 2."""

from collections.abc import Callable
from typing import Any

import pytest

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
        ("generate.py", ["run", "--seed=-1"], "--seed=-1 must be 0 or more, and below 2^63"),
        ("bench.py", ["--repeats=0"], "--repeats=0 must be at least 1"),
        ("study_tasks.py", ["--workers=0"], "--workers=0 must be at least 1"),
        ("study.py", ["--name="], "sweep= must name a folder below outputs/sweeps"),
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
