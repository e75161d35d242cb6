"""What is true of a task: told by the data that ask for it, long before torch is imported."""

from dataclasses import dataclass
from typing import Literal

Input = Literal["tokens", "visible", "numbers"]
"""Numbers of a vocabulary, which of the input before them are there and no padding, pixels or vectors."""


@dataclass(frozen=True, kw_only=True)
class MetricFacts:
    """A figure that a task gives for a split, as in "val/<name>".

    Attributes:
        label: for people, after "validation" or "test"; None: it is not in the table at the end.
        form: how its value is written, with its unit.
        higher_is_better: whether its largest value is the best.
    """

    name: str
    label: str | None = None
    form: str = "{:.4f}"
    higher_is_better: bool = False


LAST_WEIGHTS_LOSS = "last_weights_loss"
"""What a callback adds: the loss of the last weights, where an average of them is evaluated."""


@dataclass(frozen=True, kw_only=True)
class TaskFacts:
    """A task that a model may be asked to do with data.

    Attributes:
        name: the word of `data.task`.
        done_by: the subclass of `tasks.base.Task` that does it, "package.module.Class".
        metrics: what it gives for a split, `loss` first.
        inputs: what its models are called with, in order.
        text: what becomes of a text that a user gives; None where the data are not text.
        by_length: whether the examples of a split that is evaluated are in order of their length.
        shards: whether it goes with trainer.strategy=fsdp.
        analysed: whether the page of attention shows its examples.
        as_task: another task, whose models can do this one too.
    """

    name: str
    done_by: str
    metrics: tuple[MetricFacts, ...]
    inputs: tuple[Input, ...]
    text: Literal["continued", "classified", "translated"] | None = None
    by_length: bool = False
    shards: bool = True
    analysed: bool = True
    as_task: str | None = None

    def metric_names(self, *, averaged: bool) -> tuple[str, ...]:
        """What can be asked of a run: "val/loss", "test/loss", ...

        `averaged`: an average of the weights is evaluated, and so the last weights beside it.
        """
        names = [metric.name for metric in self.metrics] + [LAST_WEIGHTS_LOSS] * averaged
        return tuple(f"{split}/{name}" for split in ("val", "test") for name in names)

    def higher_is_better(self, metric: str) -> bool:
        """Whether the largest value of "<split>/<name>" is its best."""
        name = metric.partition("/")[2]
        return any(each.higher_is_better for each in self.metrics if each.name == name)
