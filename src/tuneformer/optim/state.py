"""What an optimizer keeps beside parameters and gradients."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer

from tuneformer.optim.param_groups import parts_of

PART = "part_"
"""Before the number of a part of a matrix, in the state of an optimizer that takes it apart by rows."""


def state_tensors(optimizer: Optimizer) -> Iterator[Tensor]:
    """Every tensor of the optimizer's state; of a sharded one the shard that lies in this process."""
    for state in optimizer.state.values():
        yield from _tensors(state)


def state_bytes(optimizer: Optimizer) -> int:
    """The bytes of all of them."""
    return sum(tensor.numel() * tensor.element_size() for tensor in state_tensors(optimizer))


def keep_state_types(optimizer: Optimizer) -> None:
    """Makes `optimizer.load_state_dict` give every tensor of the state back in the type that it was saved in.

    torch casts the state to the type of its parameter: moments in float32 of a bfloat16 weight would be
    rounded.
    """
    saved: list[dict[str, Any]] = []
    optimizer.register_load_state_dict_pre_hook(lambda _, state_dict: saved.append(state_dict))
    optimizer.register_load_state_dict_post_hook(lambda loaded: _restore_all_types(saved, loaded))


def _restore_all_types(saved: list[dict[str, Any]], loaded: Optimizer) -> None:
    state_dict = saved[-1]
    saved.clear()
    numbers = [number for group in state_dict["param_groups"] for number in group["params"]]
    parameters = [parameter for group in loaded.param_groups for parameter in group["params"]]
    for number, parameter in zip(numbers, parameters, strict=True):
        _restore_types(state_dict["state"].get(number, {}), loaded.state.get(parameter, {}))


def check_state_fits(optimizer: Optimizer) -> None:
    """Raises TypeError where a loaded state is not that of its parameter, for torch's fused optimizers.

    A fused step takes it that each moment has as many elements as its parameter, and writes beyond one that
    has fewer. Other steps are made of operations that see it themselves.
    """
    for group in optimizer.param_groups:
        for number, parameter in enumerate(group["params"] if "fused" in group else ()):
            where = f"the state of parameter {number} of {group.get('name', 'a group')}"
            rows = parts_of(group, number)
            _check_fits(optimizer.state.get(parameter, {}), tuple(parameter.shape), rows, where)


def _check_fits(state: Any, shape: tuple[int, ...], sizes: Sequence[int], where: str) -> None:
    for name, value in state.items():
        if name.startswith(PART) and isinstance(value, dict):
            rows = shape[0] // sum(sizes) * sizes[int(name.removeprefix(PART))]
            _check_fits(value, (rows, *shape[1:]), sizes, where)
        elif value is not None and not (
            isinstance(value, Tensor)
            and value.is_floating_point()
            and (value.numel() == 1 if name == "step" else tuple(value.shape) == shape)
        ):
            raise TypeError(f"{where} has {name} that is no tensor of numbers of its shape")


def _restore_types(saved: Any, loaded: Any) -> None:
    if not isinstance(saved, Mapping) or not isinstance(loaded, dict):
        return
    for name, value in saved.items():
        mine = loaded.get(name)
        if isinstance(value, Tensor) and isinstance(mine, Tensor) and type(mine) is type(value):
            if mine.dtype != value.dtype:
                loaded[name] = value.to(mine.device, copy=True)
        else:
            _restore_types(value, mine)


def _tensors(state: Any) -> Iterator[Tensor]:
    if isinstance(state, DTensor):
        yield state.to_local()
    elif isinstance(state, Tensor):
        yield state
    elif isinstance(state, dict):
        for part in state.values():
            yield from _tensors(part)
    elif isinstance(state, list | tuple):
        for part in state:
            yield from _tensors(part)
