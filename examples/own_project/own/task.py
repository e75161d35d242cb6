"""A task, with a metric of its own."""

import torch
from torch import Tensor, nn

from tuneformer.data.contract import PreparedData
from tuneformer.data.examples.examples import Examples
from tuneformer.tasks.metric import SUM_DTYPE, TaskMetric
from tuneformer.tasks.synthetic import Synthetic, token_nats


class Surprise(TaskMetric):
    """Loss, and the mean probability that the model gives to the wrong bit."""

    nats: Tensor
    wrong: Tensor
    places: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("nats", "wrong", "places"):
            self.add_state(name, torch.zeros((), dtype=SUM_DTYPE), dist_reduce_fx="sum")

    def score(self, model: nn.Module, batch: Examples) -> None:
        """Add a batch."""
        self.update(model(batch.inputs), batch.targets)

    def update(self, logits: Tensor, targets: Tensor) -> None:
        """Add the answers of a batch."""
        nats = token_nats(logits, targets)
        self.nats += nats.sum(dtype=SUM_DTYPE)
        self.wrong += (1 - (-nats).exp()).sum(dtype=SUM_DTYPE)
        self.places += nats.numel()

    def compute(self) -> dict[str, Tensor]:
        """Both figures."""
        return {"loss": self.nats / self.places, "surprise": self.wrong / self.places}


class Parity(Synthetic):
    """Minimises the cross entropy of the parity so far."""

    @classmethod
    def metric(cls, prepared: PreparedData, *, split: str) -> Surprise:
        """See `Task`."""
        del prepared, split
        return Surprise()
