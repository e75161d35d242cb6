"""Derivatives of the second order."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from tuneformer.models.uncompiled import uncompiled


@contextmanager
def twice_differentiable(model: nn.Module) -> Iterator[None]:
    """Within it, the gradient of the model can itself be differentiated.

    Neither the fused attention kernels, nor cuDNN's LSTMs, nor compiled code have second derivatives:
    attention and LSTMs run as plain products, and the model as it was written.
    """
    without_cudnn = torch.backends.cudnn.flags(enabled=False)
    with uncompiled(model), sdpa_kernel(SDPBackend.MATH), without_cudnn, torch.enable_grad():
        yield
