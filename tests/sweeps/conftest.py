import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
