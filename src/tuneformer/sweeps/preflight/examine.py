"""Builds what jobs would train, on the meta device, and times a few steps of each kind."""

import json
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import torch

from tuneformer.config.plain import Config
from tuneformer.config.registry import targets
from tuneformer.data.contract import Data, PreparedData
from tuneformer.errors import UserError
from tuneformer.models.size import n_parameters, n_parameters_beside_embeddings
from tuneformer.optim.build import build_optimizer, build_schedule
from tuneformer.optim.checks import schedule_of
from tuneformer.optim.factory import optimizer_factory, param_groups
from tuneformer.process.random_state import kept_random_state
from tuneformer.runs.identity import INIT_RUN
from tuneformer.sweeps.preflight.examined import Examined
from tuneformer.sweeps.preflight.step_times import step_times
from tuneformer.tasks.base import Task
from tuneformer.training.assembly import build_task, build_trainer_settings
from tuneformer.training.autotune.resolve import resolve_auto
from tuneformer.training.initial_weights import initial_weights
from tuneformer.training.memory_needed import check_memory
from tuneformer.training.records import model_size
from tuneformer.training.start import prepare_data

TIMED_STEPS = 5
WARM_UP = 2


def examine(
    configs: Sequence[Config], *, timed: bool, trained_here: bool = True
) -> list[Examined | UserError]:
    """Prepares the data of each configuration, and builds its model, parameter groups and schedule.

    Each distinct part once, without memory for weights. With `timed`, a few steps are trained of each
    combination of data, model and kind of optimizer. What is wrong with a configuration is its result; so is
    a training that needs more memory than there is, where it will be `trained_here`.
    """
    with kept_random_state():
        parts = _Parts(trained_here=trained_here)
        return [_one(config, parts, timed=timed) for config in configs]


def _one(config: Config, parts: "_Parts", *, timed: bool) -> Examined | UserError:
    try:
        task = parts.build(config)
        parts.check_initial_weights(config, task)
        data, prepared = parts.data(config)
        seconds = parts.seconds_per_step(config) if timed else None
    except UserError as error:
        return error
    return Examined(
        parameters=n_parameters(task.model),
        beside_embeddings=n_parameters_beside_embeddings(task.model),
        flops_per_token=model_size(task.model, config, prepared)["flops_per_token"],
        units=config["trainer"]["max_steps"] * data.units_per_step,
        unit=data.unit,
        seconds_per_step=seconds,
    )


class _Parts:
    """What was built and measured already, by the settings that it follows from."""

    def __init__(self, *, trained_here: bool) -> None:
        self._made: dict[str, Any] = {}
        self._trained_here = trained_here

    def build(self, config: Config) -> Task:
        data, prepared = self.data(config)
        if self._trained_here:
            self._once(
                "memory",
                lambda: check_memory(config, data=data, prepared=prepared),
                *(config[group] for group in ("data", "model", "attention", "optimizer", "trainer")),
            )

        def make() -> Task:
            with torch.device("meta"):
                return build_task(config, prepared)

        task = self._once("task", make, _data_key(config), config["model"], config["attention"])
        optimizing = [config[group] for group in ("optimizer", "param_groups", "scheduler", "trainer")]
        self._once(
            "optimizer",
            lambda: _build_optimizer(task, config),
            config["model"],
            config["attention"],
            *optimizing,
        )
        return task

    def seconds_per_step(self, config: Config) -> float:
        data, prepared = self.data(config)
        return self._once(
            "seconds",
            lambda: _median_step(config, data, prepared),
            *(config[group] for group in ("data", "model", "attention", "param_groups", "trainer")),
            targets(config["optimizer"]),
        )

    def check_initial_weights(self, config: Config, task: Task) -> None:
        """Raises UserError where the weights of `init_from` do not fit."""
        if config["init_from"] is None:
            return
        _, prepared = self.data(config)
        self._once(
            "initial weights",
            lambda: initial_weights(config, prepared, None).check_fits(task),
            *(config[name] for name in ("init_from", INIT_RUN, "init_optimizer", "init_weights")),
            *(config[group] for group in ("data", "model", "attention")),
        )

    def data(self, config: Config) -> tuple[Data[Any], PreparedData]:
        return self._once("data", lambda: prepare_data(config), config["data"])

    def _once(self, what: str, make: Callable[[], Any], *settings: Any) -> Any:
        key = what + json.dumps(settings, sort_keys=True, default=str)
        if key not in self._made:
            try:
                self._made[key] = make()
            except UserError as error:
                self._made[key] = error
        if isinstance(self._made[key], UserError):
            raise self._made[key]
        return self._made[key]


def _build_optimizer(task: Task, config: Config) -> None:
    factory, groups = optimizer_factory(config["optimizer"]), param_groups(config["param_groups"])
    build_trainer_settings(config)
    build_schedule(
        build_optimizer(task.model, factory, groups),
        schedule_of(config["scheduler"]),
        config["trainer"]["max_steps"],
    )


def _median_step(config: Config, data: Data[Any], prepared: PreparedData) -> float:
    config, _ = resolve_auto(config, data=data, prepared=prepared, before=None)
    times = step_times(config, data, prepared, warm_up=WARM_UP, steps=TIMED_STEPS)
    return median(times) if times else 0.0


def _data_key(config: Config) -> Any:
    return config["data"], config["trainer"]["strategy"]
