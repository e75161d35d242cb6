"""How long a sweep takes: several jobs at a time, one after another, and as processes of their own."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.in_turn import InTurn

N_JOBS = 16
SMOKE = ["experiment=smoke", "logger=none"]


def measure_sweep_time(train_script: Path, *, repeats: int) -> tuple[InTurn, InTurn]:
    """Seconds of N_JOBS smoke runs by the local launcher, beside the serial one and beside processes.

    All from the start of the command to its end, at default threads; the preflight times no steps.
    """
    seeds = range(N_JOBS)
    swept = ["--multirun", *SMOKE, "preflight=quick", f"seed={','.join(map(str, seeds))}", "sweep=bench"]
    local, serial, separate = [], [], []
    for _ in range(repeats):
        local.append(_seconds([[str(train_script), *swept, "launcher=local", "launcher.n_jobs=2"]]))
        serial.append(_seconds([[str(train_script), *swept]]))
        separate.append(_seconds([[str(train_script), *SMOKE, f"seed={seed}"] for seed in seeds]))
    return InTurn(ours=local, theirs=serial), InTurn(ours=local, theirs=separate)


def measure_preflight_time(train_script: Path) -> float:
    """Seconds to compose, check and build 1,000 points: 2 optimizers, 10 rates, 5 decays, 10 seeds.

    From the start of the command, torch's import and the timed steps of two kinds included.
    """
    swept = [
        "experiment=smoke",
        "optimizer=adamw,muon",
        f"optimizer.lr={','.join(f'{rate}e-3' for rate in range(1, 11))}",
        "optimizer.weight_decay=0.0,0.01,0.03,0.1,0.3",
        f"seed={','.join(map(str, range(10)))}",
    ]
    return _seconds([[str(train_script), "--multirun", *swept, "preflight=only"]])


def _seconds(commands: Sequence[list[str]]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        for command in commands:
            subprocess.run(
                [sys.executable, *command],
                check=True,
                cwd=folder,
                env=dict(os.environ),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        return time.perf_counter() - started
