"""Makes the run directories that later versions must read.

    python -m tests.old_runs.make tests/old_runs/version_2

A finished run, an interrupted one, and a sweep of which only the records are kept. What is there is never
made again: it is what a version wrote.
"""

import os
import runpy
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = [
    "data=text",
    "data.path=words.txt",
    "data.cache_dir=cache",
    "data.tokenizer=characters",
    "data.context_length=8",
    "data.batch_size=4",
    "model.n_layers=1",
    "model.n_heads=2",
    "model.d_model=8",
    "model.d_ff=8",
    "logger=none",
    "callbacks=none",
    "callbacks.checkpoints.best_metric=null",
    "trainer.max_steps=12",
    "trainer.val_check_interval=4",
    "trainer.log_every_n_steps=2",
    "trainer.threads=1",
]
SWEEP = ["--multirun", "sweep=rates", "optimizer.lr=1e-3,4e-3,1e30"]
INTERRUPTED_AT = 7


def write_words(path: Path) -> None:
    """Two kilobytes of words, the text of all these runs."""
    words, draw = ["a", "bee", "saw", "the", "sea", "as", "tea", "set", "eases", "heat"], Random(0)
    path.write_text("\n".join(" ".join(draw.choices(words, k=8)) for _ in range(60)), encoding="utf-8")


def command(*arguments: str) -> None:
    """What `python train.py <arguments>` does, in this process."""
    sys.argv = ["train.py", *arguments]
    try:
        runpy.run_path(str(ROOT / "train.py"), run_name="__main__")
    except SystemExit as end:
        print(f"exit status {end.code}: {' '.join(arguments)}")


def interrupted(*arguments: str) -> None:
    """The same, and a signal after so many steps as an impatient user sends one."""
    from tuneformer.training.callbacks.run_metrics import RunMetrics

    def stop(_: RunMetrics, trainer: Any, *__: Any) -> None:
        if trainer.global_step == INTERRUPTED_AT:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunMetrics, "on_train_batch_start", stop, raising=False)
        command(*arguments)


def make(folder: Path) -> None:
    """Trains them in a temporary folder and keeps what is small."""
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as temporary:
        os.chdir(temporary)
        write_words(Path("words.txt"))
        command(*SETTINGS, "run_dir=finished", "optimizer=sgd", "scheduler=wsd")
        interrupted(*SETTINGS, "run_dir=interrupted", "optimizer=adamw")
        command(*SWEEP, *SETTINGS)
        for run in ("finished", "interrupted"):
            shutil.copytree(run, folder / run, ignore=shutil.ignore_patterns("previous.ckpt", ".*"))
        unkept = shutil.ignore_patterns("checkpoints", ".*")
        shutil.copytree("outputs/sweeps/rates", folder / "rates", ignore=unkept)
    for record in folder.rglob("record.json"):  # as from the folder that train.py lies in
        record.write_text(record.read_text(encoding="utf-8").replace(f"{ROOT}/", ""), encoding="utf-8")


if __name__ == "__main__":
    make(Path(sys.argv[1]).resolve())
