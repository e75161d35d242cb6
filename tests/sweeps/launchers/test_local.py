"""Jobs in processes of their own: what kills one, or the launcher, and going on afterwards."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
LOCAL = ["launcher=local", "launcher.n_jobs=2", "preflight=quick"]

Records = Callable[[], dict[str, dict[str, Any]]]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(small_settings: list[str], tmp_path: Path) -> Start:
    """start("seed=0,1"): the small sweep through the local launcher, in a process of its own."""

    def begin(*overrides: str, sweep: str = "mine") -> subprocess.Popen[str]:
        command = [sys.executable, str(ROOT / "train.py"), "--multirun", *small_settings, *LOCAL]
        return subprocess.Popen(
            [*command, f"sweep={sweep}", *overrides],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_hear_ctrl_c,  # noqa: PLW1509 - it sets a signal and nothing else
        )

    return begin


def _hear_ctrl_c() -> None:
    # a test runner that was started in the background ignores it, and so would what it starts
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def records_of(sweep: str) -> dict[str, dict[str, Any]]:
    return {
        file.parent.name: json.loads(file.read_text())
        for file in sorted(Path("outputs/sweeps", sweep).glob("*/record.json"))
    }


def descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        direct = [int(child) for child in children.read_text().split()]
    except OSError:
        return []
    return direct + [below for child in direct for below in descendants(child)]


def jobs_of(launcher: int) -> list[int]:
    """The processes that train: each leads a session of its own."""
    return [pid for pid in descendants(launcher) if _is_leader(pid)]


def _is_leader(pid: int) -> bool:
    try:
        return os.getsid(pid) == pid
    except OSError:
        return False


def wait_for(condition: Callable[[], Any], seconds: float = 90.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.02)


def wait_for_a_job(sweep: subprocess.Popen[str]) -> None:
    wait_for(lambda: jobs_of(sweep.pid) or sweep.poll() is not None)


@pytest.mark.proof
def test_a_killed_job_ends_alone_and_ctrl_c_saves_and_the_same_line_goes_on(
    start: Start, tmp_path: Path
) -> None:
    long = ["trainer.max_steps=1000", "trainer.log_every_n_steps=10", "trainer.val_check_interval=1000"]
    sweep = start("seed=0,1,2", *long)
    wait_for(lambda: len(list(tmp_path.glob("outputs/sweeps/mine/*/metrics.csv"))) == 2)
    os.kill(jobs_of(sweep.pid)[0], signal.SIGKILL)
    wait_for(lambda: "seed=2" in records_of("mine"))
    wait_for((tmp_path / "outputs/sweeps/mine/seed=2/metrics.csv").exists)
    sweep.send_signal(signal.SIGINT)
    _, told = sweep.communicate(timeout=90)
    assert sweep.returncode == 130, told
    assert "killed by signal 9" in told
    assert "stopped: the same line again goes on" in told
    found = records_of("mine")
    assert sorted(record["status"] for record in found.values()) == ["interrupted"] * 3
    assert any(record["error"] == "killed by signal 9" for record in found.values())
    stopped = [
        record["steps"]
        for record in found.values()
        if "signal 2" in str(record["error"]) or "signal 15" in str(record["error"])
    ]
    assert len(stopped) == 2
    assert all(0 < steps < 1000 for steps in stopped)
    again = start("seed=0,1,2", *long)
    _, told = again.communicate(timeout=120)
    assert again.returncode == 0, told
    assert {record["status"] for record in records_of("mine").values()} == {"finished"}


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_a_sweep_killed_at_ten_random_moments_comes_to_what_an_undisturbed_one_does(start: Start) -> None:
    draw = random.Random(0)
    swept = ["optimizer=adamw,sgd", "seed=0,1,2,3,4,5"]
    settings = [
        *swept,
        "trainer.max_steps=150",
        "trainer.val_check_interval=50",
        "callbacks.checkpoints.every_n_steps=20",
        "model.dropout=0.1",
    ]
    undisturbed = start(*settings, sweep="undisturbed")
    undisturbed.communicate(timeout=600)
    assert undisturbed.returncode == 0

    kills = 0
    finished: dict[str, tuple[int, int]] = {}
    struck: set[str] = set()
    while True:
        sweep = start(*settings)
        while kills < 10 and sweep.poll() is None:
            wait_for_a_job(sweep)
            time.sleep(draw.uniform(0.0, 1.0))
            jobs = jobs_of(sweep.pid)
            server = [pid for pid in descendants(sweep.pid) if any(job in descendants(pid) for job in jobs)]
            kind, pids = draw.choice(
                [("launcher", [sweep.pid]), ("server", server), ("job", jobs), ("job", jobs)]
            )
            if not pids or sweep.poll() is not None:
                continue
            try:
                os.kill(draw.choice(pids), signal.SIGKILL)
            except ProcessLookupError:
                continue
            kills += 1
            struck.add(kind)
        sweep.communicate(timeout=600)
        for file in Path("outputs/sweeps/mine").glob("*/record.json"):
            state = file.stat().st_mtime_ns, file.stat().st_ino
            if json.loads(file.read_text())["status"] == "finished":
                # a job that has finished is never touched again
                assert finished.setdefault(file.parent.name, state) == state
        if kills == 10 and sweep.returncode == 0:
            break
    assert struck == {"launcher", "server", "job"}
    expected, found = records_of("undisturbed"), records_of("mine")
    assert len(expected) == len(found) == 12
    assert sum(record["restarts"] for record in found.values()) > 0
    for name, record in found.items():
        assert record["status"] == "finished"
        assert record["hardware"]["threads"] == expected[name]["hardware"]["threads"]
        metrics, wanted = record["metrics"]["final"], expected[name]["metrics"]["final"]
        timed = [key for key in metrics if key.startswith("throughput/") or key == "seconds"]
        assert {k: v for k, v in metrics.items() if k not in timed} == {
            k: v for k, v in wanted.items() if k not in timed
        }
