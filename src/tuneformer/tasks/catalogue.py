"""Every task by its name: which class does it and how it is measured. Read before torch is imported."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True, kw_only=True)
class MetricEntry:
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


@dataclass(frozen=True, kw_only=True)
class TaskEntry:
    """A task: the Lightning module `module.name`, and its metrics, `loss` first."""

    module: str
    name: str
    metrics: tuple[MetricEntry, ...]


CLASS_METRICS = (
    MetricEntry(name="loss", label="loss", form="{:.4f} nats"),
    MetricEntry(name="accuracy", label="accuracy", higher_is_better=True),
)
TASKS = {
    "language_modelling": TaskEntry(
        module="tuneformer.tasks.language_modelling",
        name="LanguageModelling",
        metrics=(
            MetricEntry(name="loss", label="loss", form="{:.4f} nats per token"),
            MetricEntry(name="perplexity"),
            MetricEntry(name="bits_per_byte", label="bits per byte"),
        ),
    ),
    "synthetic": TaskEntry(
        module="tuneformer.tasks.synthetic",
        name="Synthetic",
        metrics=(
            MetricEntry(name="loss", label="loss", form="{:.4f} nats per scored token"),
            MetricEntry(name="accuracy", label="accuracy", higher_is_better=True),
        ),
    ),
    "image_classification": TaskEntry(
        module="tuneformer.tasks.classification", name="ImageClassification", metrics=CLASS_METRICS
    ),
    "text_classification": TaskEntry(
        module="tuneformer.tasks.classification", name="TextClassification", metrics=CLASS_METRICS
    ),
    "regression": TaskEntry(
        module="tuneformer.tasks.regression",
        name="Regression",
        metrics=(
            MetricEntry(name="loss", label="squared error"),
            MetricEntry(name="last_loss", label="squared error at the last point"),
        ),
    ),
    "translation": TaskEntry(
        module="tuneformer.tasks.translation",
        name="Translation",
        metrics=(
            MetricEntry(name="loss", label="loss", form="{:.4f} nats per token"),
            MetricEntry(name="perplexity"),
            MetricEntry(name="bleu", label="BLEU", form="{:.2f}", higher_is_better=True),
            MetricEntry(name="chrf", label="chrF", form="{:.2f}", higher_is_better=True),
        ),
    ),
}

# what a callback adds: the loss of the last weights, where an average of them is evaluated
LAST_WEIGHTS_LOSS = MetricEntry(name="last_weights_loss")


def task_class(task: str) -> Any:
    """The subclass of `tasks.base.Task` that does a task."""
    entry = TASKS[task]
    return getattr(import_module(entry.module), entry.name)


def metric_names(task: str, *, averaged: bool) -> tuple[str, ...]:
    """What can be asked of a run of a task: "val/loss", "test/loss", ...

    `averaged`: an average of the weights is evaluated, and so the last weights beside it.
    """
    names = [entry.name for entry in (*TASKS[task].metrics, *([LAST_WEIGHTS_LOSS] if averaged else []))]
    return tuple(f"{split}/{name}" for split in ("val", "test") for name in names)


def higher_is_better(metric: str) -> bool:
    """Whether the largest value of "<split>/<name>", or of "throughput/<units>_per_second", is its best."""
    kind, _, name = metric.partition("/")
    if kind == "throughput":
        return name != "step_ms"
    return any(
        entry.higher_is_better for task in TASKS.values() for entry in task.metrics if entry.name == name
    )
