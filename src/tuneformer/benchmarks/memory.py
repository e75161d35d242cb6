"""The peak memory of a run: against a hand-written loop, and whether it grows with the corpus or the log."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

LINE = "The quick brown fox jumps over the lazy dog, and number {} follows it home.\n"
PEAK = """
import pathlib, runpy, sys
sys.argv = sys.argv[1:]
try:
    if sys.argv[0] == "-m":
        sys.argv = sys.argv[1:]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    # not ru_maxrss, which a process inherits from the one that started it
    status = pathlib.Path("/proc/self/status").read_text()
    print("peak", status.split("VmHWM:")[1].split()[0])
"""


def measure_memory(train_script: Path, *, small_bytes: int, times: int, repeats: int) -> dict[str, float]:
    """Peak resident MiB of 50 steps on a corpus and on one `times` as large, preparation included."""
    small, large = [], []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            small.append(_peak_on(train_script, Path(folder), small_bytes))
            large.append(_peak_on(train_script, Path(folder), small_bytes * times))
    return {
        "small_mib": median(small),
        "large_mib": median(large),
        "growth_mib": median(b - a for a, b in zip(small, large, strict=True)),
    }


def measure_against_loop(train_script: Path, *, repeats: int) -> dict[str, float]:
    """Peak resident MiB of experiment=nanogpt_cpu as everybody starts it, and of the same by hand, in turn.

    100 steps on a megabyte of text, with the validation of its last tenth.
    """
    framework, loop = [], []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            text = _text(Path(folder), 1_000_000)
            settings = [
                "experiment=nanogpt_cpu",
                "data=text",
                f"data.path={text}",
                f"data.cache_dir={folder}/cache",
                f"run_dir={folder}/run",
                "trainer.max_steps=101",
            ]
            framework.append(_peak([str(train_script), *settings]))
            loop.append(_peak(["-m", "tuneformer.benchmarks.hand_written", str(text), "101"]))
    return {
        "framework_mib": median(framework),
        "loop_mib": median(loop),
        "more_mib": median(a - b for a, b in zip(framework, loop, strict=True)),
    }


def measure_log(train_script: Path, *, rows: int) -> dict[str, float]:
    """Peak resident MiB of a run of `rows` very small steps that logs each, and of one that logs none."""
    with tempfile.TemporaryDirectory() as folder:
        text = _text(Path(folder), 100_000)

        def peak(every: int) -> float:
            settings = [
                "experiment=smoke",
                "data=text",
                f"data.path={text}",
                f"data.cache_dir={folder}/cache",
                f"run_dir={folder}/run-{every}",
                "data.context_length=16",
                "data.batch_size=4",
                "model.d_model=16",
                "model.n_layers=1",
                f"trainer.max_steps={rows}",
                f"trainer.val_check_interval={rows}",
                f"trainer.log_every_n_steps={every}",
            ]
            return _peak([str(train_script), *settings])

        none, each = peak(rows), peak(1)
    return {"none_mib": none, "each_mib": each, "growth_mib": each - none}


def _peak_on(train_script: Path, folder: Path, n_bytes: int) -> float:
    settings = [
        "data=text",
        f"data.path={_text(folder, n_bytes)}",
        f"data.cache_dir={folder}/cache",
        f"run_dir={folder}/run-{n_bytes}",
        "trainer.max_steps=50",
        "data.max_validation_bytes=10000",
        f"data.validation_path={_held_out(folder)}",
        "callbacks=none",
        "logger=none",
    ]
    return _peak([str(train_script), *settings])


def _peak(arguments: Sequence[str]) -> float:
    """MiB of a Python process with these arguments: a script, or -m and a module, and what is for it."""
    command = [sys.executable, "-c", PEAK, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout.split("peak")[-1]) / 1024


def _text(folder: Path, n_bytes: int) -> Path:
    text = folder / f"{n_bytes}.txt"
    with text.open("w") as file:
        written = number = 0
        while written < n_bytes:
            written += file.write(LINE.format(number))
            number += 1
    return text


def _held_out(folder: Path) -> Path:
    path = folder / "held_out.txt"
    path.write_text("".join(LINE.format(-number) for number in range(300)))
    return path
