"""Classification: which of a few classes an image or a text belongs to."""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torchmetrics.functional.classification import multiclass_confusion_matrix

from tuneformer.data.contract import IGNORED
from tuneformer.data.examples.examples import Examples
from tuneformer.tasks.base import Task
from tuneformer.tasks.confusion import as_csv, most_confused
from tuneformer.tasks.metric import SUM_DTYPE, TaskMetric


class Classification(Task):
    """Minimises the mean over examples of -log p(class | example), in nats.

    Validation and test give `loss` and `accuracy`; the test writes its confusion matrix into the run
    directory, and what is confused most.
    """

    @classmethod
    def metric(cls, prepared: Any, *, split: str) -> "ClassMetric":
        del split
        return ClassMetric(cls, prepared.classes)

    def loss(self, batch: Examples) -> Tensor:
        return class_nats(self.model(*self.model_inputs(batch)), batch.targets).mean()


class ImageClassification(Classification):
    """Of images, shape (batch, channel, height, width)."""

    @classmethod
    def model_inputs(cls, batch: Examples) -> tuple[Tensor]:
        return (batch.inputs,)


class TextClassification(Classification):
    """Of tokens, shape (batch, time); -100 stands where a text has ended."""

    @classmethod
    def model_inputs(cls, batch: Examples) -> tuple[Tensor, Tensor]:
        return batch.inputs.clamp(min=0), batch.inputs != IGNORED


class ClassMetric(TaskMetric):
    """Cross entropy, accuracy and confusion matrix (row: truth, column: answer) over a split."""

    nats: Tensor
    confusion: Tensor

    def __init__(self, task: type[Classification], classes: list[str]) -> None:
        super().__init__()
        self.task = task
        self.classes = classes
        n_classes = len(classes)
        self.add_state("nats", torch.zeros((), dtype=SUM_DTYPE), dist_reduce_fx="sum")
        self.add_state(
            "confusion", torch.zeros(n_classes, n_classes, dtype=torch.int64), dist_reduce_fx="sum"
        )

    def score(self, model: nn.Module, batch: Examples) -> None:
        """Add a batch."""
        self.update(model(*self.task.model_inputs(batch)), batch.targets)

    def update(self, logits: Float[Tensor, "batch class"], targets: Int[Tensor, " batch"]) -> None:
        """Add a batch; targets of -100 do not count."""
        self.nats += class_nats(logits, targets).sum(dtype=SUM_DTYPE)
        self.confusion += multiclass_confusion_matrix(
            logits.argmax(dim=-1), targets, num_classes=len(self.classes), ignore_index=IGNORED
        )

    def compute(self) -> dict[str, Tensor]:
        """Both figures; nan where nothing was scored."""
        scored = self.confusion.sum()
        return {"loss": self.nats / scored, "accuracy": self.confusion.trace() / scored}

    def files(self) -> dict[str, str]:
        counts = self.confusion.tolist()
        return {
            "confusion.csv": as_csv(counts, self.classes),
            "most_confused.txt": most_confused(counts, self.classes),
        }


def class_nats(
    logits: Float[Tensor, "batch class"], targets: Int[Tensor, " batch"]
) -> Float[Tensor, " batch"]:
    """Return -log softmax(logits)[target], 0 where the target is -100; at least float32."""
    if logits.dtype != torch.float64:
        logits = logits.float()
    return F.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="none")
