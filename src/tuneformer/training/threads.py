"""How many CPU threads torch computes with where trainer.threads leaves it open."""

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tuneformer.config.plain import Config
from tuneformer.data.contract import Data, PreparedData
from tuneformer.models.size import CountsFlops, flops_per_example
from tuneformer.training.core_share import OF_THREADS, positive_number, told_cores
from tuneformer.training.settings import TrainerSettings, available_cores

SMALL_STEP_FLOPS = 2e9
"""Of a step of one process: below it threads wait for each other longer than they compute."""
TOPOLOGY = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


def choose_threads(settings: TrainerSettings, *, flops: float | None, recorded: int | None) -> int:
    """The threads of each process of a run.

    In this order: trainer.threads; OMP_NUM_THREADS or MKL_NUM_THREADS; what this program has chosen by
    torch.set_num_threads; what the run began with, if there are so many cores; one where a step is small; the
    cores over the processes. Of all but trainer.threads no more than the cores that a cluster gave it.

    Args:
        flops: the operations of one process's part of a step (None: not known, and so not small).
        recorded: the threads that the run began with (None: it begins now).
    """
    if isinstance(settings.threads, int):
        return settings.threads
    told = told_cores()
    if (wish := wished_threads()) is not None:
        return min(wish, told or wish)
    cores = told or max(1, available_cores() // settings.processes)
    if recorded is not None and recorded <= cores:
        return recorded
    return 1 if flops is not None and flops < SMALL_STEP_FLOPS else cores


def wished_threads() -> int | None:
    """What the environment says, or what this program has chosen by torch.set_num_threads; None: neither."""
    return _of_environment() or _of_program()


def use_threads(number: int) -> None:
    """Computes with so many threads from now on, here and in the ranks that are started from here."""
    torch.set_num_threads(number)
    # where it is not set, Lightning chooses the number of threads of several processes itself
    os.environ["OMP_NUM_THREADS"] = str(number)


def flops_of_part(
    model: nn.Module, config: Config, *, data: Data[Any], prepared: PreparedData, settings: TrainerSettings
) -> float | None:
    """Operations, forward and backward, of what one process computes at once; None where not counted."""
    if not isinstance(model, CountsFlops):
        return None
    n_tokens = prepared.mean_tokens or config["data"].get("context_length") or 0
    parts = settings.processes * settings.accumulate_grad_batches
    return flops_per_example(model, n_tokens=n_tokens) * data.batch_size / parts


def told_of_threads(number: int, *, recorded: int | None) -> str | None:
    """What is said of a run that goes on with another number of threads than it began with."""
    if recorded in (None, number):
        return None
    return f"goes on with {number} CPU threads, and began with {recorded}: sums may differ in their last bits"


def _of_environment() -> int | None:
    for name in OF_THREADS:
        if (number := positive_number(os.environ.get(name, ""))) is not None:
            return number
    return None


def _of_program() -> int | None:
    """The number of threads, unless torch may have chosen it by itself: all cores or the physical ones."""
    number, every = torch.get_num_threads(), os.cpu_count() or 1
    usual = {available_cores(), every, told_cores(), _physical(_available()), _physical(range(every))}
    return None if number in usual else number


def _available() -> list[int]:
    known = hasattr(os, "sched_getaffinity")
    return sorted(os.sched_getaffinity(0)) if known else list(range(os.cpu_count() or 1))


def _physical(cores: Any) -> int:
    siblings = set()
    for core in cores:
        try:
            siblings.add(Path(TOPOLOGY.format(core)).read_text(encoding="ascii").strip())
        except (OSError, ValueError):
            siblings.add(str(core))
    return len(siblings)
