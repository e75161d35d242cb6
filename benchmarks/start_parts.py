"""What the seconds from the start of the process to the first optimizer step are spent on."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

# imports what train.py imports, in its order, and notes the time after each part
FIRST_STEP = """
import time
marks = [("Python itself", time.time())]

def mark(part):
    marks.append((part, time.time()))

import json, os, runpy, sys
started, told, script = float(sys.argv[1]), sys.argv[2], sys.argv[3]
sys.argv = sys.argv[3:]
sys.path.insert(0, os.path.dirname(script))
import hydra, tuneformer.cli.command_line
mark("import of Hydra and of what checks settings")
import tuneformer.training.start as start
prepare_data = start.prepare_data

def prepare_and_import(config):
    mark("composing and checking")
    prepared = prepare_data(config)
    mark("data")
    import torch
    mark("import of torch")
    import pytorch_lightning
    mark("import of Lightning")
    import tuneformer.training.run as run
    mark("import of everything else")
    build_task = run.build_task

    def build(*given):
        task = build_task(*given)
        mark("model, optimizer and schedule")
        return task

    run.build_task = build
    from torch.optim.optimizer import register_optimizer_step_post_hook
    register_optimizer_step_post_hook(end)
    return prepared

def end(*_):
    mark("callbacks, loggers, trainer and the first step")
    times = [at for _, at in marks]
    parts = {part: at - before for (part, at), before in zip(marks, [started, *times])}
    with open(told, "w") as file:
        json.dump(parts, file)
    os._exit(0)

start.prepare_data = prepare_and_import
runpy.run_path(script, run_name="__main__")
"""


def measure_start_parts(train_script: Path, *, repeats: int) -> dict[str, float]:
    """Seconds of each part of a start of the default experiment, in their order, medians of `repeats`."""
    found: list[dict[str, float]] = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            told = Path(folder) / "parts.json"
            run = [str(told), str(train_script), f"run_dir={folder}/run"]
            subprocess.run(
                [sys.executable, "-c", FIRST_STEP, str(time.time()), *run],
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            found.append(json.loads(told.read_text()))
    return {part: median(parts[part] for parts in found) for part in found[0]}
