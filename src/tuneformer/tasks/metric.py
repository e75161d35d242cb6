"""What a task measures on a split."""

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import Metric

# Apple's GPUs have no float64; there the sums are good to five digits
SUM_DTYPE = torch.float32 if torch.backends.mps.is_available() else torch.float64


class TaskMetric(Metric):
    """Sums over the batches of a split, over ranks too, and what they come to.

    A subclass adds states in its constructor, updates them in `update`, and says in `score` what it takes
    from a model and a batch.
    """

    full_state_update = False

    @abstractmethod
    def score(self, model: nn.Module, batch: Any) -> None:
        """Add a batch."""

    @abstractmethod
    def compute(self) -> dict[str, Tensor]:
        """Every metric of the task's facts, as a scalar."""

    def signatures(self) -> dict[str, str]:
        """How a metric was computed, for those that have more than one definition: name -> signature."""
        return {}

    def files(self) -> dict[str, str]:
        """What else there is to say of the split: files for the run directory, name -> content."""
        return {}
