"""What a task asks of the groups data and model, and what its runs may be judged by; without torch."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from tuneformer.config.options import list_options, load_option
from tuneformer.config.suggestions import one_of
from tuneformer.errors import UserError
from tuneformer.tasks.catalogue import TASKS, metric_names

# Settings of a model that the data has, or has once it is prepared (`PreparedData.needs`).
FOLLOWS_FROM_DATA = frozenset(
    {"vocab_size", "n_classes", "n_channels", "image_size", "n_inputs", "n_outputs"}
)


def check_task(config: DictConfig, model: str | None, folders: Sequence[Path]) -> None:
    """Raises UserError unless the model can do the data's task.

    Args:
        config: composed, not resolved: a model may interpolate what only data of its task has.
        model: the chosen option.
        folders: where options are found.
    """
    task, can_do = OmegaConf.select(config, "data.task"), OmegaConf.select(config, "model.tasks")
    if task is None or can_do is None or model is None:
        return
    one_of("data.task", task, list(TASKS))
    can_do, known = list(can_do), load_option("model", model, folders).get("tasks")
    if can_do != known:
        raise UserError(f"model.tasks cannot be set: it is what model={model} can do")
    if task not in can_do:
        options = list_options("model", folders)
        fitting = [name for name in options if task in load_option("model", name, folders).get("tasks", [])]
        raise UserError(
            f"model={model} cannot do data.task={task}, only {', '.join(can_do)}:"
            f" choose model={' or '.join(fitting) or 'one of your own'}"
        )


def metrics_of_task(task: str, *, averaged: bool) -> dict[str, tuple[str, ...]]:
    """Which metrics (`metric_names`) a run may be judged by: dotted path of the setting -> names."""
    names = metric_names(task, averaged=averaged)
    return {
        "callbacks.checkpoints.best_metric": tuple(name for name in names if name.startswith("val/")),
        "optimized_metric": (*names, "train/loss"),
    }
