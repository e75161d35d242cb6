"""The peak memory of a run: against a hand-written loop, and whether it grows with the corpus or the log."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.in_turn import InTurn, in_turn

HAND_WRITTEN = Path(__file__).with_name("hand_written.py")
LINE = "The quick brown fox jumps over the lazy dog, and number {} follows it home.\n"
PEAK = """
import pathlib, runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    # not ru_maxrss, which a process inherits from the one that started it
    status = pathlib.Path("/proc/self/status").read_text()
    print("peak", status.split("VmHWM:")[1].split()[0])
"""


def measure_memory(train_script: Path, *, small_bytes: int, times: int, repeats: int) -> InTurn:
    """Peak resident MiB of preparing and 50 steps, on a corpus `times` as large as another and on that."""

    def peak(n_bytes: int) -> float:
        with tempfile.TemporaryDirectory() as folder:
            return _peak_on(train_script, Path(folder), n_bytes)

    return in_turn(lambda: peak(small_bytes * times), lambda: peak(small_bytes), repeats=repeats)


def measure_against_loop(train_script: Path, *, repeats: int) -> InTurn:
    """Peak resident MiB of experiment=nanogpt_cpu as everybody starts it, and of the same by hand.

    100 steps on a megabyte of text, with the validation of its last tenth.
    """
    with tempfile.TemporaryDirectory() as texts:
        text = _text(Path(texts), 1_000_000)

        def framework() -> float:
            with tempfile.TemporaryDirectory() as folder:
                data = ["data=text", f"data.path={text}", f"data.cache_dir={folder}/cache"]
                run = ["experiment=nanogpt_cpu", *data, f"run_dir={folder}/run", "trainer.max_steps=101"]
                return peak_mib([str(train_script), *run])

        def loop() -> float:
            return peak_mib([str(HAND_WRITTEN), str(text), "101"])

        return in_turn(framework, loop, repeats=repeats)


def measure_log(train_script: Path, *, rows: int, repeats: int) -> InTurn:
    """Peak resident MiB of a run of `rows` very small steps that logs each, and of one that logs the last."""
    with tempfile.TemporaryDirectory() as folder:
        text = _text(Path(folder), 100_000)

        def peak(every: int) -> float:
            with tempfile.TemporaryDirectory() as runs:
                settings = [
                    "experiment=smoke",
                    "data=text",
                    f"data.path={text}",
                    f"data.cache_dir={folder}/cache",
                    f"run_dir={runs}/run",
                    "data.context_length=16",
                    "data.batch_size=4",
                    "model.d_model=16",
                    "model.n_layers=1",
                    f"trainer.max_steps={rows}",
                    f"trainer.val_check_interval={rows}",
                    f"trainer.log_every_n_steps={every}",
                ]
                return peak_mib([str(train_script), *settings])

        return in_turn(lambda: peak(1), lambda: peak(rows), repeats=repeats)


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
    return peak_mib([str(train_script), *settings])


def peak_mib(arguments: Sequence[str]) -> float:
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
