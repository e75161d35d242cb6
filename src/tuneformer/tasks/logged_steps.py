"""At which optimizer steps a run writes its numbers."""

import pytorch_lightning as pl


def log_interval(trainer: pl.Trainer) -> int:
    """Optimizer steps between two rows of numbers."""
    return int(getattr(trainer, "log_every_n_steps"))  # noqa: B009 - Lightning declares no type for it


def logs_step(trainer: pl.Trainer, step: int) -> bool:
    """Whether the numbers of optimizer step `step`, counted from 1, are logged."""
    return step % log_interval(trainer) == 0 or step == trainer.max_steps
