"""Regression: real vectors in, real vectors out."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tuneformer.data.contract import PreparedData
from tuneformer.data.examples.examples import Examples
from tuneformer.tasks.base import Task
from tuneformer.tasks.metric import SUM_DTYPE, TaskMetric


class RegressionTask(Task):
    """Minimises the mean over examples of the mean over scored places of |prediction - target|^2.

    Validation and test give `loss`, the same over all scored places, and `last_loss`, that at the last place
    of each example alone. A target of NaN is not scored.
    """

    @classmethod
    def metric(cls, prepared: PreparedData, *, split: str) -> "SquaredError":
        del prepared, split
        return SquaredError()

    @classmethod
    def model_inputs(cls, batch: Examples) -> tuple[Tensor]:
        return (batch.inputs,)

    def loss(self, batch: Examples) -> Tensor:
        errors, scored = squared_errors(self.model(*self.model_inputs(batch)), batch.targets)
        return (errors.sum(dim=1) / scored.sum(dim=1).clamp(min=1)).mean()


class SquaredError(TaskMetric):
    """Squared error over all scored places and over the last ones, summed over batches and ranks."""

    errors: Tensor
    scored: Tensor
    last_errors: Tensor
    last_scored: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("errors", "last_errors"):
            self.add_state(name, torch.zeros((), dtype=SUM_DTYPE), dist_reduce_fx="sum")
        for name in ("scored", "last_scored"):
            self.add_state(name, torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def score(self, model: nn.Module, batch: Examples) -> None:
        """Add a batch."""
        self.update(model(batch.inputs), batch.targets)

    def update(
        self, outputs: Float[Tensor, "batch time output"], targets: Float[Tensor, "batch time output"]
    ) -> None:
        """Add a batch; targets of NaN do not count."""
        errors, scored = squared_errors(outputs, targets)
        self.errors += errors.sum(dtype=SUM_DTYPE)
        self.scored += scored.sum()
        self.last_errors += errors[:, -1].sum(dtype=SUM_DTYPE)
        self.last_scored += scored[:, -1].sum()

    def compute(self) -> dict[str, Tensor]:
        """Both figures; nan where nothing was scored."""
        return {"loss": self.errors / self.scored, "last_loss": self.last_errors / self.last_scored}


def squared_errors(
    outputs: Float[Tensor, "batch time output"], targets: Float[Tensor, "batch time output"]
) -> tuple[Tensor, Tensor]:
    """Return |output - target|^2 at each place, 0 where it is not scored, and where it is; both (B, T)."""
    if outputs.dtype != torch.float64:
        outputs = outputs.float()
    scored = ~targets.isnan().any(dim=-1)
    # the difference is taken of numbers only: the gradient of NaN times 0 would be NaN
    gaps = torch.where(scored.unsqueeze(-1), outputs - targets.nan_to_num().to(outputs.dtype), 0.0)
    return gaps.square().sum(dim=-1), scored
