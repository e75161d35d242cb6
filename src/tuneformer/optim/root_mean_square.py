"""The size of a tensor's elements."""

import torch
from torch import Tensor


def rms(x: Tensor) -> Tensor:
    """The root of the mean square of all elements, whose squares may be beyond the precision's range."""
    largest = x.abs().max().clamp(min=torch.finfo(x.dtype).tiny)
    return largest * (x / largest).square().mean().sqrt()
