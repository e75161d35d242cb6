"""How long it takes from the start of the process to the first optimizer step."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.in_turn import InTurn, in_turn

# neither side pays for tearing the interpreter down
IMPORTS = "import os, torch, pytorch_lightning; os._exit(0)"
# torch's own hook on every optimizer ends the process at its first step
FIRST_STEP = """
import os, runpy, sys
import torch.optim.optimizer as optimizer
optimizer.register_optimizer_step_post_hook(lambda *_: os._exit(0))
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def measure_start_time(train_script: Path, *, repeats: int) -> InTurn:
    """Seconds to the first step of the default experiment, and to import torch and Lightning alone."""

    def first_step() -> float:
        with tempfile.TemporaryDirectory() as folder:
            return _seconds([sys.executable, "-c", FIRST_STEP, str(train_script), f"run_dir={folder}/run"])

    return in_turn(first_step, lambda: _seconds([sys.executable, "-c", IMPORTS]), repeats=repeats)


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started
