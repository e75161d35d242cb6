"""Optimizers on parameters that are spread over devices: which can step, and how their state is spread."""

from functools import partial
from typing import Any

from torch import Tensor
from torch.distributed.tensor import DTensor, Replicate, distribute_tensor
from torch.optim import Optimizer

from tuneformer.errors import UserError
from tuneformer.optim.facts import facts_of

HOW_TO_STEP = ("foreach", "fused")
"""Settings of a group that belong to the processes that train, and not to the run."""


def check_shardable(factory: "partial[Optimizer]") -> None:
    """Raises UserError unless the optimizer, and each inside it, is known to work on shards."""
    for target in _targets(factory):
        if not facts_of(target).works_on_shards:
            raise UserError(
                f"trainer.strategy=fsdp does not go with {target.__name__}, which needs whole tensors:"
                " choose trainer.strategy=ddp or another optimizer"
            )


def changed_for_shards(factory: "partial[Optimizer]") -> dict[str, Any]:
    """The settings that an optimizer needs otherwise on shards."""
    return dict(facts_of(factory.func).changed_on_shards)


def on_shards(state: dict[str, Any], optimizer: Optimizer) -> dict[str, Any]:
    """A state dict of whole tensors as `optimizer`, whose parameters are spread over devices, can load it.

    A tensor of its parameter's shape is spread as that is, any other lies on every device whole. Which
    parameter a number in the state dict stands for follows from its place in the groups, as torch has
    it, and not from the number. Every process must have the whole `state`.
    """
    parameters = {
        number: parameter
        for saved, group in zip(state["param_groups"], optimizer.param_groups, strict=True)
        for number, parameter in zip(saved["params"], group["params"], strict=True)
    }
    return {
        "state": {
            number: {name: _spread_as(parameters[number], value) for name, value in values.items()}
            for number, values in state["state"].items()
        },
        "param_groups": [
            saved | {name: group[name] for name in HOW_TO_STEP if name in group}
            for saved, group in zip(state["param_groups"], optimizer.param_groups, strict=True)
        ],
    }


def _spread_as(parameter: Tensor, value: Any) -> Any:
    if not isinstance(value, Tensor) or not isinstance(parameter, DTensor) or not value.ndim:
        return value
    mesh = parameter.device_mesh
    spread = parameter.placements if value.shape == parameter.shape else [Replicate()] * mesh.ndim
    return distribute_tensor(value, mesh, spread, src_data_rank=None)


def _targets(factory: Any) -> list[Any]:
    nested = [value for value in factory.keywords.values() if isinstance(value, partial)]
    return [*(target for value in nested for target in _targets(value)), factory.func]
