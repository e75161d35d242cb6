"""Whether peak memory grows with the corpus."""

import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

LINE = "The quick brown fox jumps over the lazy dog, and number {} follows it home.\n"
PEAK = """
import resource, runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def measure_memory(train_script: Path, *, small_bytes: int, times: int, repeats: int) -> dict[str, float]:
    """Peak resident MiB of 50 steps on a corpus and on one `times` as large, preparation included."""
    small, large = [], []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            small.append(_peak(train_script, Path(folder), small_bytes))
            large.append(_peak(train_script, Path(folder), small_bytes * times))
    return {
        "small_mib": median(small),
        "large_mib": median(large),
        "growth_mib": median(b - a for a, b in zip(small, large, strict=True)),
    }


def _peak(train_script: Path, folder: Path, n_bytes: int) -> float:
    text = folder / f"{n_bytes}.txt"
    with text.open("w") as file:
        written = number = 0
        while written < n_bytes:
            written += file.write(LINE.format(number))
            number += 1
    settings = [
        "data=text",
        f"data.path={text}",
        f"data.cache_dir={folder}/cache",
        f"run_dir={folder}/run-{n_bytes}",
        "trainer.max_steps=50",
        "data.max_validation_bytes=10000",
        f"data.validation_path={_held_out(folder)}",
        "callbacks=none",
        "logger=none",
    ]
    command = [sys.executable, "-c", PEAK, str(train_script), *settings]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout.split("peak")[-1]) / 1024


def _held_out(folder: Path) -> Path:
    path = folder / "held_out.txt"
    path.write_text("".join(LINE.format(-number) for number in range(300)))
    return path
