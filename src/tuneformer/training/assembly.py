"""From a configuration to the objects that train: model, task, data module, callbacks."""

from collections.abc import Mapping
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any, cast

import pytorch_lightning as pl
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning import callbacks as lightning_callbacks
from torch import nn

from tuneformer.config.building import build, find_target
from tuneformer.config.lightning_names import NEVER, REFUSED
from tuneformer.config.plain import Config
from tuneformer.data.contract import Data, PreparedData
from tuneformer.data.dealing import check_parts_are_equal
from tuneformer.errors import UserError
from tuneformer.models.build import build_model
from tuneformer.optim.checks import schedule_of
from tuneformer.optim.factory import optimizer_factory, param_groups
from tuneformer.optim.sharding import check_shardable
from tuneformer.optim.wrapped import innermost
from tuneformer.process.random_state import set_random_state
from tuneformer.tasks.base import Task
from tuneformer.tasks.lookup import task_class, task_of
from tuneformer.training.autotune.candidate import Candidate
from tuneformer.training.callbacks.averaging import WeightAverage
from tuneformer.training.callbacks.checkpoints import Checkpoints
from tuneformer.training.callbacks.evaluation_weights import EvaluationWeights, averages_by_itself
from tuneformer.training.callbacks.plan_sheets import PlanSheets
from tuneformer.training.callbacks.run_metrics import RunMetrics
from tuneformer.training.callbacks.run_stops import RunStops
from tuneformer.training.callbacks.sample import TextSample
from tuneformer.training.settings import TrainerSettings

FOR_WEIGHTS = 2


def build_task(config: Config, prepared: PreparedData) -> Task:
    """The model in its task. Its initial weights depend on `seed` and the model alone."""
    set_random_state(config["seed"], FOR_WEIGHTS)
    model = build_model(config["model"], config["attention"], needs=prepared.needs)
    factory = optimizer_factory(config["optimizer"])
    if config["trainer"]["strategy"] == "fsdp":
        check_shardable(factory)
    facts = task_of(config["data"])
    task: Task = task_class(facts)(
        model=model,
        optimizer=factory,
        param_groups=param_groups(config["param_groups"]),
        schedule=schedule_of(config["scheduler"]),
        seed=config["seed"],
        prepared=prepared,
    )
    task.facts = facts
    task.build_optimizer()  # what cannot be built is refused before the run leaves anything
    if config["trainer"]["compile"] is True:
        # in place: the names of the parameters, and so of the checkpoint, stay as they are
        cast(nn.Module, task.model).compile()
    return task


def build_callbacks(
    settings: Config, *, data: Data[Any], task: Task, flops_per_unit: float | None
) -> list[pl.Callback]:
    """EvaluationWeights, RunMetrics, PlanSheets, RunStops, which every run has, and those of conf/callbacks.

    `flops_per_unit`: operations of training on one unit of the data; None where nobody counts them.

    Raises:
        UserError: nothing would keep the run safe, two things would average its weights, or the tokenizer
            cannot tell the prompt of the sample.
    """
    configured: Mapping[str, pl.Callback | WeightAverage] = {
        name: build_callback(name, callback) for name, callback in settings.items()
    }
    if not any(isinstance(callback, Checkpoints) for callback in configured.values()):
        raise UserError("callbacks has no checkpoints: start the file with `defaults: [none, _self_]`")
    for callback in configured.values():
        if isinstance(callback, TextSample):
            callback.begin(task, context_length=getattr(data, "context_length", None))
    optimizer = innermost(task.build_optimizer())
    averages = {name: each for name, each in configured.items() if isinstance(each, WeightAverage)}
    if averages and averages_by_itself(optimizer):
        raise UserError(
            f"callbacks.{next(iter(averages))} does not go with {type(optimizer).__name__}, which averages by"
            " itself"
        )
    if len(averages) > 1:
        names = " and ".join(f"callbacks.{name}" for name in averages)
        raise UserError(f"{names} both average the weights: drop one")
    trained_with = [callback for callback in configured.values() if isinstance(callback, pl.Callback)]
    return [
        EvaluationWeights(next(iter(averages.values()), None)),
        RunMetrics(unit=data.unit, units_per_step=data.units_per_step, flops_per_unit=flops_per_unit),
        PlanSheets(),
        *(callback for callback in trained_with if not isinstance(callback, Checkpoints)),
        RunStops(),
        # last, so that a checkpoint holds what the others have made of its step
        *(callback for callback in trained_with if isinstance(callback, Checkpoints)),
    ]


def build_trainer_settings(config: Config) -> TrainerSettings:
    """conf/trainer as an object; where it says `auto` and nothing was measured, the default."""
    trainer = config["trainer"]
    measured = asdict(Candidate.default(trainer, threads=None))
    return build(trainer | measured, ("trainer",), kind=TrainerSettings)


def build_callback(name: str, settings: Config) -> pl.Callback | WeightAverage:
    """The callback of `callbacks.<name>`; UserError for one that does not work here, and what it refuses."""
    where = ("callbacks", name)
    target = find_target(settings.get("_target_"), where, kind=(pl.Callback, WeightAverage))
    for refused in NEVER:
        if isinstance(target, type) and issubclass(target, getattr(lightning_callbacks, refused, ())):
            raise UserError(f"callbacks.{name} is a {refused}, which does not work here: {REFUSED[refused]}")
    if target is lightning_callbacks.DeviceStatsMonitor and find_spec("psutil") is None:
        raise UserError(f"callbacks.{name} needs a package that is not installed: pip install psutil")
    try:
        return build(settings, where, kind=(pl.Callback, WeightAverage))
    except UserError:
        raise
    except (TypeError, ValueError, OverflowError, MisconfigurationException) as error:
        raise UserError(f"callbacks.{name} cannot be built: {str(error).strip().splitlines()[0]}") from error


def check_batch_divides(batch_size: int, trainer: pl.Trainer) -> None:
    """Raises UserError if the batch cannot be dealt to the devices that the trainer found."""
    check_parts_are_equal(
        batch_size=batch_size, devices=trainer.world_size, accumulate=trainer.accumulate_grad_batches
    )
