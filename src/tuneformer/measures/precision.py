"""In what precision measures are computed."""

import torch
from torch import Tensor


def full_precision(x: Tensor) -> Tensor:
    """Return x without its graph, in float32 at least: sums over short floats would lose what is measured."""
    return x.detach() if x.dtype == torch.float64 else x.detach().float()
