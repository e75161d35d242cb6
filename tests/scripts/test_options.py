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
