"""The rates, decays and parameter groups that a configuration stands for, nothing trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from tuneformer.checks.lint import factor_of, sampled_steps
from tuneformer.config.plain import Config
from tuneformer.models.build import build_model
from tuneformer.optim.build import build_optimizer
from tuneformer.optim.factory import optimizer_factory, param_groups
from tuneformer.optim.weight_decay import decay_factor


@dataclass(frozen=True, kw_only=True)
class PlannedGroup:
    """A parameter group: its parameters, and its rate and weight decay at `TrainingPlan.steps`."""

    name: str
    shapes: dict[str, tuple[int, ...]]
    hidden_matrices: bool
    lr: list[float]
    weight_decay: list[float]

    @property
    def n_parameters(self) -> int:
        """Numbers that train."""
        return sum(torch.Size(shape).numel() for shape in self.shapes.values())

    @property
    def peak_lr(self) -> float:
        """The highest rate of the run."""
        return max(self.lr)


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """Every group over the run, at the optimizer steps `steps` (from 0)."""

    steps: list[int]
    groups: list[PlannedGroup]


def make_plan(config: Config, *, needs: Mapping[str, Any]) -> TrainingPlan:
    """What a checked configuration trains, built on the meta device: no memory, no random numbers.

    `needs`: what the prepared data asks of the model.

    Raises:
        UserError: a parameter that no rule covers, a rule that covers none, or what the optimizer refuses.
    """
    with torch.device("meta"):
        model = build_model(config["model"], config["attention"], needs=needs)
    groups = param_groups(config["param_groups"])
    optimizer = build_optimizer(model, optimizer_factory(config["optimizer"]), groups)
    horizon = config["trainer"]["max_steps"]
    steps, factor = sampled_steps(horizon), factor_of(config)
    shapes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    return TrainingPlan(
        steps=steps,
        groups=[
            PlannedGroup(
                name=group["name"],
                shapes={name: shapes[name] for name in group["param_names"]},
                hidden_matrices=group["hidden_matrices"],
                lr=[group["lr"] * factor(step) for step in steps],
                weight_decay=[
                    group["weight_decay"] * decay_factor(step, horizon=horizon, end=group["weight_decay_end"])
                    for step in steps
                ],
            )
            for group in optimizer.param_groups
        ],
    )


def lint_groups(groups: Sequence[PlannedGroup]) -> list[str]:
    """A line for each group in which something decays that usually does not."""
    lines = []
    for group in groups:
        unusual = [name for name, shape in group.shapes.items() if _usually_does_not_decay(name, shape)]
        if max(group.weight_decay) > 0 and unusual:
            more = f" and {len(unusual) - 1} more" if len(unusual) > 1 else ""
            lines.append(
                f"param_groups: {unusual[0]}{more} of the group {group.name} decay: norms, biases and"
                " embeddings usually do not (param_groups=default)"
            )
    return lines


def _usually_does_not_decay(name: str, shape: tuple[int, ...]) -> bool:
    return len(shape) < 2 or "embedding" in name
