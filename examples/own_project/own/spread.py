"""A measure, and the callback that takes it at each validation."""

from collections.abc import Mapping

import pytorch_lightning as pl
from torch import Tensor

from tuneformer.measures.measure import Measure, Taken, Together
from tuneformer.tasks.base import Task
from tuneformer.training.callbacks.measurement import Measurement

SPREAD = Measure(
    key="spread",
    label="spread of the largest matrix",
    says="largest over mean size of its elements",
    null="4 to 5 for normal numbers",
    within="weights/{}",
    taken=Taken("spread", "trainer.val_check_interval"),
    together=Together("", max),
)


def spread(weight: Tensor) -> float:
    """max |w| / RMS(w)."""
    return float(weight.abs().max() / weight.square().mean().sqrt())


class Spread(Measurement):
    """Takes the spread of the model's largest matrix."""

    def after_validation(self, trainer: pl.Trainer, task: Task) -> Mapping[str, float]:
        """See `Measurement`."""
        largest = max(task.model.parameters(), key=Tensor.numel)
        return {SPREAD.column: spread(largest.detach())}
