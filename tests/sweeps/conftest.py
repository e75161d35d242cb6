import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sweeps.processes import Start, hear_ctrl_c

ROOT = Path(__file__).parents[2]
Command = Callable[..., Any]
SWEEP = Path("outputs/sweeps/mine")


@pytest.fixture
def sweep(command: Command, small_settings: list[str]) -> Command:
    """sweep("seed=0,1"): the small run with --multirun, in this process, nothing timed before."""
    return lambda *overrides: command(
        "train.py", "--multirun", *small_settings, "preflight=quick", "sweep=mine", *overrides
    )


@pytest.fixture
def records() -> Callable[[], dict[str, dict[str, Any]]]:
    """records(): the record of each job of the sweep `mine`, by the name of its folder."""
    return lambda: {
        file.parent.name: json.loads(file.read_text()) for file in sorted(SWEEP.glob("*/record.json"))
    }


@pytest.fixture
def start(small_settings: list[str], tmp_path: Path) -> Start:
    """start("seed=0,1"): the small sweep in a process of its own."""

    def begin(*overrides: str, sweep: str = "mine") -> subprocess.Popen[str]:
        line = [*small_settings, "preflight=quick", f"sweep={sweep}", *overrides]
        return subprocess.Popen(
            [sys.executable, str(ROOT / "train.py"), "--multirun", *line],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=hear_ctrl_c,  # noqa: PLW1509 - it sets a signal and nothing else
        )

    return begin
