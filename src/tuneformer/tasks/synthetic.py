"""Synthetic tasks: the right token at the places that ask for one."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from tuneformer.data.contract import IGNORED, PreparedData
from tuneformer.data.examples.examples import Examples
from tuneformer.tasks.base import Task
from tuneformer.tasks.metric import SUM_DTYPE, TaskMetric


class Synthetic(Task):
    """Minimises the mean over examples of the mean over scored places of -log p(answer | tokens so far).

    Validation and test give `loss`, nats per scored place, and `accuracy`, the share of them where the
    likeliest token is the answer.
    """

    @classmethod
    def metric(cls, prepared: PreparedData, *, split: str) -> "ScoredTokens":
        del prepared, split
        return ScoredTokens()

    @classmethod
    def model_inputs(cls, batch: Examples) -> tuple[Tensor]:
        return (batch.inputs,)

    def loss(self, batch: Examples) -> Tensor:
        scored = batch.targets != IGNORED
        nats = token_nats(self.model(*self.model_inputs(batch)), batch.targets)  # (B, T), 0 where not scored
        return (nats.sum(dim=1) / scored.sum(dim=1).clamp(min=1)).mean()


class ScoredTokens(TaskMetric):
    """Cross entropy and accuracy over all scored places, summed over batches and ranks."""

    nats: Tensor
    correct: Tensor
    scored: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("nats", torch.zeros((), dtype=SUM_DTYPE), dist_reduce_fx="sum")
        self.add_state("correct", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("scored", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def score(self, model: nn.Module, batch: Examples) -> None:
        """Add a batch."""
        self.update(model(batch.inputs), batch.targets)

    def update(self, logits: Float[Tensor, "batch time vocab"], targets: Int[Tensor, "batch time"]) -> None:
        """Add a batch; targets of -100 do not count."""
        scored = targets != IGNORED
        self.nats += token_nats(logits, targets).sum(dtype=SUM_DTYPE)
        self.correct += ((logits.argmax(dim=-1) == targets) & scored).sum()
        self.scored += scored.sum()

    def compute(self) -> dict[str, Tensor]:
        """Both figures; nan where nothing was scored."""
        return {"loss": self.nats / self.scored, "accuracy": self.correct / self.scored}


def token_nats(
    logits: Float[Tensor, "batch time vocab"], targets: Int[Tensor, "batch time"]
) -> Float[Tensor, "batch time"]:
    """Return -log softmax(logits)[target] at each place, 0 where the target is -100; at least float32."""
    if logits.dtype != torch.float64:
        logits = logits.float()
    nats = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none")
    return nats.view(targets.shape)
