"""Whether a process grows with the jobs of a sweep that it has trained."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

MIB = 2**20
TEXT = "The quick brown fox jumps over the lazy dog, and runs.\n" * 100
WATCHED = """
import os, runpy, sys
from tuneformer.sweeps.launchers import serial

def train_and_look(job):
    error = train_job(job)
    with open("/proc/self/statm") as file:
        print("resident", int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"), flush=True)
    return error

train_job, serial.train_job = serial.train_job, train_and_look
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def measure_sweep_memory(train_script: Path, *, n_jobs: int) -> list[float]:
    """Resident MiB of a process after each of `n_jobs` smoke runs by launcher=serial. Linux only.

    10 steps on a few kilobytes each: what a run leaves behind does not depend on its length.
    """
    settings = [
        "experiment=smoke",
        "data=text",
        "data.path=text.txt",
        "trainer.max_steps=10",
        "trainer.val_check_interval=5",
        "scheduler.warmup=2",
        "preflight=quick",
        f"seed={','.join(map(str, range(n_jobs)))}",
        "sweep=bench",
    ]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "text.txt").write_text(TEXT)
        done = subprocess.run(
            [sys.executable, "-c", WATCHED, str(train_script), "--multirun", *settings],
            cwd=folder,
            env=dict(os.environ),
            capture_output=True,
            text=True,
            check=True,
        )
    resident = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("resident")]
    return [int(each) / MIB for each in resident]
