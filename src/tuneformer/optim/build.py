"""From configured factories to the optimizer and the schedule of one run."""

from functools import partial
from typing import Any

from torch import nn
from torch.distributed.tensor import DTensor
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from tuneformer.config.arguments import check_arguments, dotted_name
from tuneformer.errors import UserError
from tuneformer.optim.checks import check_optimizer_settings
from tuneformer.optim.hybrid import Hybrid
from tuneformer.optim.param_groups import ParamGroups
from tuneformer.optim.rules import OWN
from tuneformer.optim.schedules import Schedule
from tuneformer.optim.sharding import changed_for_shards, check_shardable
from tuneformer.optim.state import keep_state_types
from tuneformer.optim.weight_decay import DecayedApart, decay_factor
from tuneformer.optim.wrapped import innermost


def build_optimizer(model: nn.Module, factory: "partial[Optimizer]", groups: ParamGroups) -> Optimizer:
    """The one optimizer that `factory` describes, over the model's parameters in groups.

    `factory`: an option of conf/optimizer, instantiated (`_partial_: true`). Each group trains at the
    factory's lr and weight decay times its rule's multipliers, and carries its rule's name. What the groups
    freeze is frozen in the model.
    Raises UserError for a value that no optimizer can train with, and for arguments that the class does
    not take.
    """
    # a list would come back as another type than the tuple that torch keeps by default
    settings: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in factory.keywords.items()
    }
    check_optimizer_settings(settings, target=factory.func)
    check_arguments(factory.func, settings, where="optimizer", later=("params",), by_name=True)
    if any(isinstance(parameter, DTensor) for parameter in model.parameters()):
        check_shardable(factory)
        settings |= changed_for_shards(factory)
    groups.fine_tuning.freeze_in(model)
    lr, weight_decay = settings["lr"], settings.get("weight_decay", 0.0)
    built = [
        group.settings(lr=lr, weight_decay=weight_decay) for group in groups.for_optimizer(model, factory)
    ]
    for group in built:
        group["weight_decay_end"] = groups.weight_decay_end
    try:
        optimizer = factory.func(built, **settings)
    except UserError:
        raise
    except (TypeError, ValueError) as error:
        raise UserError(
            f"optimizer={dotted_name(factory.func)} cannot be built: {str(error).splitlines()[0]}"
        ) from error
    _leave_unscaling_to_the_trainer(optimizer)
    _avoid_idle_kernel(optimizer)
    keep_state_types(innermost(optimizer))
    if groups.weight_decay_kind == OWN:
        return optimizer
    if hasattr(optimizer, "eval"):
        raise UserError(
            f"param_groups.weight_decay_kind={groups.weight_decay_kind} does not go with"
            f" {type(optimizer).__name__}, which keeps weights of its own: only own does"
        )
    return DecayedApart(optimizer, kind=groups.weight_decay_kind)


def build_schedule(optimizer: Optimizer, schedule: Schedule, horizon: int) -> LambdaLR:
    """Set each group's rate to its peak times schedule(step, horizon=horizon), from step 0 on.

    The peak is the group's lr at this call; its weight decay follows `decay_factor`. The state holds
    plain numbers only. Raises UserError for settings that a run of `horizon` steps cannot follow.
    """
    for group in optimizer.param_groups:
        group.setdefault("initial_weight_decay", group.get("weight_decay", 0.0))
    return GroupSchedule(optimizer, partial(schedule, horizon=horizon), horizon=horizon)


class GroupSchedule(LambdaLR):
    """Sets rate and weight decay of every group, before each step."""

    def __init__(self, optimizer: Optimizer, factor: "partial[float]", *, horizon: int) -> None:
        self.horizon = horizon
        super().__init__(optimizer, factor)

    def step(self, epoch: int | None = None) -> None:
        super().step(epoch)
        self._set_weight_decay()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on at the step of `state_dict`, over this run's horizon, which may be another (a branch)."""
        super().load_state_dict(state_dict | {"horizon": self.horizon})
        for group, peak, factor in zip(
            self.optimizer.param_groups, self.base_lrs, self.lr_lambdas, strict=True
        ):
            group["lr"] = peak * factor(self.last_epoch)
        self._set_weight_decay()

    def _set_weight_decay(self) -> None:
        for group in self.optimizer.param_groups:
            end = group.get("weight_decay_end", 1.0)
            if end != 1:
                factor = decay_factor(self.last_epoch, horizon=self.horizon, end=end)
                group["weight_decay"] = group["initial_weight_decay"] * factor


def _avoid_idle_kernel(optimizer: Optimizer) -> None:
    # On a CPU torch's fused SGD leaves half-precision weights of some size as they are (torch 2.13).
    base = innermost(optimizer)
    inner = base.inner if isinstance(base, Hybrid) else []
    for group in [group for each in (base, *inner) if isinstance(each, SGD) for group in each.param_groups]:
        if any(weight.device.type == "cpu" and weight.itemsize == 2 for weight in group["params"]):
            group["fused"] = False


def _leave_unscaling_to_the_trainer(optimizer: Optimizer) -> None:
    # Fused optimizers say that they unscale gradients themselves under mixed precision, and Lightning
    # then refuses to clip. They do not have to: unscaled beforehand, gradients are clipped at true size.
    inner = optimizer.inner if isinstance(optimizer, Hybrid) else []
    for each in (optimizer, *inner):
        if getattr(each, "_step_supports_amp_scaling", False):
            each._step_supports_amp_scaling = False  # pyright: ignore[reportAttributeAccessIssue]
