"""What a run does to its process and the processes it starts, and how all of it is undone."""

import logging
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from unittest.mock import patch

import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from lightning_fabric.strategies.launchers.subprocess_script import _ChildProcessObserver

from tuneformer.config.options import FURTHER_OPTIONS
from tuneformer.config.plain import Config
from tuneformer.config.quoting import quoted
from tuneformer.config.registry import SHIPPED
from tuneformer.errors import Diverged, Interrupted, Pruned, UserError
from tuneformer.training.launch import OTHER_RANK

LIGHTNING_LOGGERS = ("pytorch_lightning", "lightning_fabric")
SECONDS_TO_END = 60.0
SECONDS_TO_TELL = 5.0
SECONDS_TO_HEAR = 30.0
_kill_all = _ChildProcessObserver._terminate_all


@contextmanager
def restored_process() -> Iterator[None]:
    """Puts back what a run sets for its whole process: environment, torch's switches, warnings, logs."""
    environment, threads = dict(os.environ), torch.get_num_threads()
    precision, dtype = torch.get_float32_matmul_precision(), torch.get_default_dtype()
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    levels = {name: logging.getLogger(name).level for name in LIGHTNING_LOGGERS}
    try:
        with warnings.catch_warnings():
            yield
    finally:
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ.update(environment)
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)
        torch.set_default_dtype(dtype)
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


@contextmanager
def other_ranks(config: Config, trainer: pl.Trainer) -> Iterator[None]:
    """Lightning may start the other ranks of this run within it, and none of them outlives it.

    If this rank ends early they could only wait for it, and are killed: at once where it knows why, else
    after a moment in which the one whose failure it was can tell of it.
    """
    with patch.object(_ChildProcessObserver, "_terminate_all", _kill_where_it_hangs):
        try:
            with _relaunchable(config):
                yield
        except (UserError, Diverged, Pruned, Interrupted):
            _end_ranks(trainer, seconds=0.0)
            raise
        except BaseException:
            _end_ranks(trainer, seconds=SECONDS_TO_TELL)
            raise
        else:
            _end_ranks(trainer, seconds=SECONDS_TO_END)
        finally:
            if torch.distributed.is_available() and torch.distributed.is_initialized():
                torch.distributed.destroy_process_group()


@contextmanager
def _relaunchable(config: Config) -> Iterator[None]:
    """Lets Lightning start the other ranks, marked as such, by the command line of this run.

    Its launcher repeats sys.argv, in which --multirun would start the whole sweep in every rank, a run
    directory named by the clock would be another one in each, and a notebook or a script that calls
    `tuneformer.train` would do the rest of its work once more.
    """
    main = sys.modules["__main__"]
    os.environ[OTHER_RANK] = "1"
    arguments, spec = sys.argv, main.__spec__
    if HydraConfig.initialized():
        hydra = HydraConfig.get()
        script = SHIPPED.parent / "train.py"  # of a checkout
        further = [s.path for s in hydra.runtime.config_sources if s.provider == FURTHER_OPTIONS]
        overrides = [o for o in hydra.overrides.task if not o.startswith(("run_dir=", "sweep="))]
        fixed = {"run_dir": config["run_dir"], "sweep": config["sweep"]}
        overrides += [f"{key}={quoted(value)}" for key, value in fixed.items() if value is not None]
        overrides += [f"--config-dir={folder}" for folder in further]
        sys.argv = [str(script), *overrides]
        # Lightning starts this module where there is one, else the script
        main.__spec__ = None if script.exists() else find_spec("tuneformer.cli.train")
    try:
        yield
    finally:
        sys.argv, main.__spec__ = arguments, spec
        del os.environ[OTHER_RANK]


def _kill_where_it_hangs(observer: _ChildProcessObserver) -> None:
    """What Lightning's observer does when a rank has ended badly.

    This process hears of that by itself, records it and ends the others; Lightning would kill it at once.
    It is killed where it only waits for the dead rank.
    """
    until = time.monotonic() + SECONDS_TO_HEAR
    while observer._child_processes and time.monotonic() < until:
        time.sleep(0.1)
    if observer._child_processes:
        _kill_all(observer)


def _end_ranks(trainer: pl.Trainer, *, seconds: float) -> None:
    started: list[subprocess.Popen[bytes]] = getattr(trainer.strategy.launcher, "procs", [])
    for rank in started:
        try:
            rank.wait(seconds)
        except subprocess.TimeoutExpired:
            rank.kill()
            rank.wait()
    # Lightning's observer kills this process for a rank that ended badly; in a sweep other jobs follow
    started.clear()
