"""Numbers from tensors that may lie on a device, or be spread over several."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor


def full_tensor(value: Tensor) -> Tensor:
    """The whole value of a tensor that may be spread over devices; all ranks must ask."""
    return value.full_tensor() if isinstance(value, DTensor) else value


def as_numbers(values: Mapping[str, Tensor]) -> dict[str, float]:
    """All scalars in one transfer from their device."""
    if not values:
        return {}
    stacked = torch.stack([full_tensor(value).detach().float() for value in values.values()])
    return dict(zip(values, stacked.tolist(), strict=True))
