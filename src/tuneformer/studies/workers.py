"""Runs of a study, several at a time, each in a worker process that has loaded everything before."""

import contextlib
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tuneformer.runs.record import Record, read_record

LOADED_BEFORE = ["torch", "pytorch_lightning", "pytorch_optimizer", "tuneformer.training.run", "hydra"]
LOG = "study.log"


@dataclass(frozen=True)
class Outcome:
    """What became of a run: its record, or the reason why there is none."""

    record: Record | None
    error: str | None


def start_workers(number: int, log: Path) -> Executor:
    """A pool of `number` processes; what their runs print goes to `log`."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED_BEFORE)
    return ProcessPoolExecutor(number, mp_context=context, initializer=_print_to, initargs=(str(log),))


def run_once(overrides: Sequence[str], folder: str) -> Outcome:
    """Trains the run of `overrides` in `folder`, or returns at once what it came to before."""
    from tuneformer.checks import check_config
    from tuneformer.config.compose import compose_config
    from tuneformer.config.quoting import quoted
    from tuneformer.training.start import train

    try:
        train(check_config(*compose_config([*overrides, f"run_dir={quoted(folder)}"])))
    except Exception as error:  # one run that fails must not take the study with it
        return Outcome(None, (str(error).strip().splitlines() or [type(error).__name__])[0])
    return Outcome(read_record(Path(folder) / "record.json"), None)


def _print_to(log: str) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with contextlib.suppress(OSError):
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
