"""SIGTERM, SIGINT, SIGHUP and SIGUSR2 as a wish to stop at the next step, agreed on by all ranks."""

import signal
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch

from tuneformer.tasks.logged_steps import log_interval

# SIGUSR2 is what submitit has SLURM send before a job's time is over
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2)


class StopSignals:
    """Between `install` and `uninstall` the first signal is noted; a second one acts as it always did.

    SIGHUP, which a terminal that is closed sends twice (the kernel, and the shell to its jobs), is noted
    however often it comes; where it is ignored (nohup) it stays so. `received` is the number of the signal
    that this process received, 0 for none.
    """

    def __init__(self) -> None:
        self.received = 0
        self._handlers: dict[int, Any] = {}

    def install(self) -> None:
        """Takes the signals over (in the main thread, the only one that may)."""
        if self._handlers:
            return
        try:
            heard = [number for number in SIGNALS if not _is_ignored_hangup(number)]
            self._handlers = {number: signal.signal(number, self._note) for number in heard}
        except ValueError:  # not the main thread
            self._handlers = {}

    def uninstall(self) -> None:
        """Gives the signals back."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}

    def agreed(self, trainer: pl.Trainer) -> int:
        """The number of the signal that some rank received, 0 for none; the same on every rank.

        Several ranks talk only where a row is logged, so that a step costs no communication.
        """
        if trainer.world_size == 1:
            return self.received
        if trainer.global_step % log_interval(trainer):
            return 0
        mine = torch.tensor(float(self.received), device=trainer.strategy.root_device)
        return int(trainer.strategy.reduce(mine, reduce_op="max"))

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        if number != signal.SIGHUP:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def _is_ignored_hangup(number: int) -> bool:
    return number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN
