"""How long a question or a mistake waits for its answer."""

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

# what is asked, the arguments of train.py, and the seconds it may take
QUESTIONS = (
    ("--help", ["--help"], 1),
    ("--cfg job", ["--cfg", "job"], 1),
    ("a misspelt key", ["optimizer.lrr=1e-3"], 1),
    ("a file that is not there", ["data=text", "data.path=nothing.txt"], 3),
    ("more devices than there are", ["data=python_stdlib", "trainer.devices=512", "data.batch_size=512"], 6),
)


def measure_answer_times(train_script: Path, *, repeats: int) -> list[tuple[str, float, int]]:
    """What is asked, the median of `repeats` in seconds, and the seconds allowed."""
    answers = []
    for what, arguments, allowed in QUESTIONS:
        taken = []
        for _ in range(repeats):
            started = time.perf_counter()
            subprocess.run([sys.executable, str(train_script), *arguments], capture_output=True, check=False)
            taken.append(time.perf_counter() - started)
        answers.append((what, median(taken), allowed))
    return answers
