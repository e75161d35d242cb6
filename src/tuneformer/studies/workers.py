"""Runs of a study, several at a time, each in a worker process that has loaded everything before."""

import contextlib
import multiprocessing
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tuneformer.runs.record import Record, read_record

LOADED_BEFORE = ["torch", "pytorch_lightning", "pytorch_optimizer", "tuneformer.training.run", "hydra"]
LOG = "study.log"


Key = TypeVar("Key")
Call = tuple[Sequence[str], str]
"""The overrides of a run and its folder."""


@dataclass(frozen=True)
class Outcome:
    """What became of a run: its record, or the reason why there is none."""

    record: Record | None
    error: str | None


def run_all(
    calls: Mapping[Key, Call],
    *,
    workers: int,
    log: Path,
    taken: Callable[[Key, Outcome, Collection[Key]], Mapping[Key, Call]],
) -> None:
    """Runs everything, `workers` at a time; what the runs print goes to `log`.

    `taken(key, outcome, still open)` is told of each run as it ends, and answers with what to run as well.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with start_workers(workers, log) as pool:
        open_runs: dict[Future[Outcome], Key] = {
            pool.submit(run_once, *call): key for key, call in calls.items()
        }
        while open_runs:
            for done in wait(open_runs, return_when=FIRST_COMPLETED).done:
                key = open_runs.pop(done)
                more = taken(key, done.result(), list(open_runs.values()))
                open_runs |= {pool.submit(run_once, *call): other for other, call in more.items()}


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
