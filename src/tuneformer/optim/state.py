"""What an optimizer keeps beside parameters and gradients."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer


def state_tensors(optimizer: Optimizer) -> Iterator[Tensor]:
    """Every tensor of the optimizer's state; of a sharded one the shard that lies in this process."""
    for state in optimizer.state.values():
        yield from _tensors(state)


def state_bytes(optimizer: Optimizer) -> int:
    """The bytes of all of them."""
    return sum(tensor.numel() * tensor.element_size() for tensor in state_tensors(optimizer))


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
