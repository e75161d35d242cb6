"""From configured factories to the optimizer and the schedule of one run."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol, runtime_checkable

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from tuneformer.optim.param_groups import Group, ParamGroups
from tuneformer.optim.settings import check_optimizer_settings


@runtime_checkable
class Schedule(Protocol):
    """A schedule with its settings bound: only the step and the horizon are open."""

    def __call__(self, step: int, /, *, horizon: int) -> float:
        """The factor of the peak rate at optimizer step `step`, from 0."""
        ...


def build_optimizer(
    model: nn.Module, factory: "partial[Optimizer]", groups: ParamGroups | Sequence[Group]
) -> Optimizer:
    """The optimizer that `factory` describes, over the model's parameters in groups.

    `factory`: an option of conf/optimizer, instantiated (`_partial_: true`). Each group trains at the
    factory's lr and weight decay times its rule's multipliers, and carries its rule's name.
    Raises UserError for a value that no optimizer can train with.
    """
    # a list would come back as another type than the tuple that torch keeps by default
    settings: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in factory.keywords.items()
    }
    check_optimizer_settings(settings)
    split = groups.split(model) if isinstance(groups, ParamGroups) else groups
    lr, weight_decay = settings["lr"], settings["weight_decay"]
    optimizer = factory.func(
        [group.settings(lr=lr, weight_decay=weight_decay) for group in split], **settings
    )
    _leave_unscaling_to_the_trainer(optimizer)
    return optimizer


def build_schedule(optimizer: Optimizer, schedule: Schedule, horizon: int) -> LambdaLR:
    """Set each group's rate to its peak times schedule(step, horizon=horizon), from step 0 on.

    The peak is the group's lr at this call. The state holds plain numbers only.
    Raises UserError for settings that a run of `horizon` steps cannot follow.
    """
    return LambdaLR(optimizer, partial(schedule, horizon=horizon))


def _leave_unscaling_to_the_trainer(optimizer: Optimizer) -> None:
    # Fused optimizers say that they unscale gradients themselves under mixed precision, and Lightning
    # then refuses to clip. They do not have to: unscaled beforehand, gradients are clipped at true size.
    if getattr(optimizer, "_step_supports_amp_scaling", False):
        optimizer._step_supports_amp_scaling = False  # pyright: ignore[reportAttributeAccessIssue]
