"""What a run takes of the device's memory, as record.json says it."""

import itertools
import resource
import sys
from typing import Any

import pytorch_lightning as pl
import torch

from tuneformer.optim.state import state_bytes

MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes
_RUNS = itertools.count(1)


class MemoryWatch:
    """Made before a run builds its model; asked when it has ended.

    On a GPU the peak is that of torch's allocator since then. On a CPU it is the peak of the whole
    process, interpreter and libraries included, which is the run's own only in the first run of a process.
    """

    def __init__(self) -> None:
        self._first = next(_RUNS) == 1
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            torch.cuda.reset_peak_memory_stats()

    def measured(self, trainer: pl.Trainer) -> dict[str, Any]:
        """In bytes: `peak_bytes` where it is the run's own, and `optimizer_state_bytes` of this process."""
        device = trainer.strategy.root_device
        if on_gpu := device.type == "cuda":
            peak = torch.cuda.max_memory_allocated(device)
        else:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT
        return {
            "peak_bytes": peak if on_gpu or self._first else None,
            "optimizer_state_bytes": sum(map(state_bytes, trainer.optimizers)),
        }
