"""Sweeps in processes of their own, which are watched and killed."""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tuneformer.runs.directory import RunDirectory

Start = Callable[..., subprocess.Popen[str]]


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


def have_trained(sweep: str, number: int) -> bool:
    """Whether so many jobs of the sweep have logged a row of training."""
    files = Path("outputs/sweeps", sweep).glob("*/metrics.csv")
    return sum(len(file.read_text().splitlines()) > 1 for file in files) >= number


def finish_under_kills(begin: Callable[[], subprocess.Popen[str]], *, kills: int, seed: int) -> set[str]:
    """The sweep `mine`, begun again until it has been killed `kills` times and then ended well.

    SIGKILL, to its own process and, with launcher=local, in turn to a job and to the one that jobs are
    forked from: at first as soon as a run has begun, then at random moments. Returns which of them were
    struck. No job is touched once it has finished.
    """
    draw = random.Random(seed)
    struck: list[str] = []
    finished: dict[str, tuple[int, int]] = {}
    while True:
        sweep = begin()
        while len(struck) < kills and sweep.poll() is None:
            wait_for(lambda: a_run_has_begun() or sweep.poll() is not None)  # noqa: B023 - it is called here
            time.sleep(draw.uniform(0.0, 1.0) if struck else 0.0)
            kind = _strike(sweep, draw, turn=len(struck))
            struck += [kind] if kind else []
        _, told = sweep.communicate(timeout=600)
        _check_untouched(finished)
        if sweep.returncode == 0:
            assert len(struck) == kills, "it is over before it was killed so often"
            return set(struck)
        assert sweep.returncode in (1, -signal.SIGKILL), told


def a_run_has_begun() -> bool:
    folders = Path("outputs/sweeps/mine").glob("*/record.json")
    return any(RunDirectory(file.parent).held() for file in folders)


def _strike(sweep: subprocess.Popen[str], draw: random.Random, *, turn: int) -> str | None:
    jobs = jobs_of(sweep.pid)
    server = [pid for pid in descendants(sweep.pid) if any(job in descendants(pid) for job in jobs)]
    there = [
        (kind, pids) for kind, pids in (("launcher", [sweep.pid]), ("job", jobs), ("server", server)) if pids
    ]
    kind, pids = there[turn % len(there)]
    if sweep.poll() is not None:
        return None
    try:
        os.kill(draw.choice(pids), signal.SIGKILL)
    except ProcessLookupError:
        return None
    return kind


def _check_untouched(finished: dict[str, tuple[int, int]]) -> None:
    for file in Path("outputs/sweeps/mine").glob("*/record.json"):
        state = file.stat().st_mtime_ns, file.stat().st_ino
        if json.loads(file.read_text())["status"] == "finished":
            assert finished.setdefault(file.parent.name, state) == state


def hear_ctrl_c() -> None:
    """In a process before it becomes another.

    A test runner that was started in the background ignores it, and so would what it starts.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
