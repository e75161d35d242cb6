"""Which task a configuration asks for, whether its model can do it, and what its runs may be judged by.

A task is found by the data that ask for it: the class of `data._target_` has `tasks`, and `data.task` is the
name of one. A task of the user's own may also be given by itself, as `data.task=mypackage.tasks.MASKED`.
Nothing here imports torch.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from tuneformer.config.building import find_target
from tuneformer.config.options import list_options, load_option
from tuneformer.config.registry import TARGET, allowed_by_user
from tuneformer.config.shown import printable
from tuneformer.config.suggestions import one_of
from tuneformer.data.contract import Data
from tuneformer.data.task_facts import TaskFacts
from tuneformer.errors import UserError
from tuneformer.models.own_module import NAMED_BY
from tuneformer.models.settings_object import tasks_of

BEST_METRIC = "callbacks.checkpoints.best_metric"


def task_of(data: Mapping[str, Any]) -> TaskFacts:
    """What is true of the task that settings of the group data ask for.

    Raises:
        UserError: their class is none that may be named, or does not do such a task.
    """
    name = data.get("task")
    if isinstance(name, str) and "." in name and allowed_by_user(name):
        module, _, attribute = name.rpartition(".")
        try:
            found = getattr(import_module(module), attribute, None)
        except ModuleNotFoundError as error:
            raise UserError(f"data.task={printable(name)} cannot be imported: {error}") from error
        if not isinstance(found, TaskFacts):
            raise UserError(f"data.task={printable(name)} is not a TaskFacts")
        return found
    found = find_target(data.get(TARGET), ("data",), kind=Data)
    known: dict[str, TaskFacts] = {task.name: task for task in getattr(found, "tasks", ())}
    return known[one_of("data.task", name, list(known))]


def task_class(task: TaskFacts) -> Any:
    """The subclass of `tasks.base.Task` that does a task."""
    module, _, name = task.done_by.rpartition(".")
    return getattr(import_module(module), name)


def check_task(config: DictConfig, model: str | None, folders: Sequence[Path]) -> None:
    """Raises UserError unless the model can do the data's task.

    Args:
        config: composed, not resolved: a model may interpolate what only data of its task has.
        model: the chosen option.
        folders: where options are found.
    """
    if OmegaConf.select(config, "model.tasks") is not None:
        raise UserError("model.tasks cannot be set: the class of a model says its tasks")
    task, target = OmegaConf.select(config, "data.task"), OmegaConf.select(config, f"model.{TARGET}")
    if task is None or target is None or model is None:
        return
    can_do = tasks_of({TARGET: target, NAMED_BY: OmegaConf.select(config, f"model.{NAMED_BY}")})
    if can_do is None:
        return
    facts = task_of({"task": task, TARGET: OmegaConf.select(config, f"data.{TARGET}")})
    wanted = {facts.name, facts.as_task}
    if wanted.isdisjoint(can_do):
        options = {name: load_option("model", name, folders) for name in list_options("model", folders)}
        fitting = [name for name, each in options.items() if not wanted.isdisjoint(tasks_of(each) or ())]
        raise UserError(
            f"model={model} cannot do data.task={task}, only {', '.join(can_do)}:"
            f" choose model={' or '.join(fitting) or 'one of your own'}"
        )


def metrics_of_task(task: TaskFacts, *, averaged: bool) -> dict[str, tuple[str, ...]]:
    """Which metrics a run may be judged by: dotted path of the setting -> names."""
    names = task.metric_names(averaged=averaged)
    return {
        BEST_METRIC: tuple(name for name in names if name.startswith("val/")),
        "optimized_metric": (*names, "train/loss"),
    }
