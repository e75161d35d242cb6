"""Loggers that take more than numbers."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pytorch_lightning as pl


@runtime_checkable
class Board(Protocol):
    """A logger that takes pictures and tables; those of ranks above 0 do nothing."""

    def log_picture(self, key: str, pixels: np.ndarray, step: int) -> None:
        """Shows grey pixels (height, width) at a number of steps done."""
        ...

    def log_sheet(self, key: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Keeps a table with the run."""
        ...


def boards_of(trainer: pl.Trainer) -> list[Board]:
    """The loggers of the run that take pictures and tables; the same on every rank."""
    return [logger for logger in trainer.loggers if isinstance(logger, Board)]
