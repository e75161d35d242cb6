import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sweeps.processes import hear_ctrl_c

ROOT = Path(__file__).parents[2]

STEPS = 6000
"""So many that a job is still at it when a test that has seen it train does something to it."""
LONG = [f"trainer.max_steps={STEPS}", f"trainer.val_check_interval={STEPS}", "trainer.log_every_n_steps=10"]

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(small_settings: list[str], tmp_path: Path) -> Iterator[Start]:
    """start("launcher=ray", "seed=0,1"): the small sweep `mine`, in the test's folder or another."""
    started: list[subprocess.Popen[str]] = []

    def begin(*overrides: str, folder: Path = tmp_path) -> subprocess.Popen[str]:
        line = [*small_settings, "preflight=quick", "sweep=mine", *overrides]
        started.append(
            subprocess.Popen(
                [sys.executable, str(ROOT / "train.py"), "--multirun", *line],
                cwd=folder,
                stderr=subprocess.PIPE,
                text=True,
                preexec_fn=hear_ctrl_c,  # noqa: PLW1509 - it sets a signal and nothing else
            )
        )
        return started[-1]

    yield begin
    for sweep in started:
        if sweep.poll() is None:
            sweep.send_signal(signal.SIGINT)
        sweep.communicate()


@pytest.fixture
def statuses(tmp_path: Path) -> Callable[[], dict[str, str]]:
    """statuses(): the status of each job of the sweep that has begun."""
    return lambda: {
        file.parent.name: json.loads(file.read_text())["status"]
        for file in sorted(tmp_path.glob("outputs/sweeps/mine/*/record.json"))
    }


def record_of(job: str) -> dict[str, Any]:
    return json.loads(Path("outputs/sweeps/mine", job, "record.json").read_text())


def trainer_of(job: str) -> int | None:
    """The process that trains in the job's folder: it holds it open."""
    folder = Path("outputs/sweeps/mine", job).resolve()
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and any(
                link.resolve() == folder for link in (process / "fd").iterdir()
            ):
                return int(process.name)
        except OSError:
            continue
    return None


def wait_for(condition: Callable[[], Any], seconds: float = 400.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.05)


def is_training(job: str) -> bool:
    """Whether the job has written rows and is at it."""
    rows = Path("outputs/sweeps/mine", job, "metrics.csv")
    return rows.exists() and rows.read_text().count("\n") > 2 and trainer_of(job) not in (None, os.getpid())
