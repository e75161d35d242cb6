"""Derivatives of the second order."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel


@contextmanager
def twice_differentiable(model: nn.Module) -> Iterator[None]:
    """Within it, the gradient of the model can itself be differentiated.

    Neither the fused attention kernels, nor cuDNN's LSTMs, nor compiled code have second derivatives:
    attention and LSTMs run as plain products, and the model as it was written.
    """
    compiled: Any = model._compiled_call_impl
    model._compiled_call_impl = None
    try:
        without_cudnn = torch.backends.cudnn.flags(enabled=False)
        with sdpa_kernel(SDPBackend.MATH), without_cudnn, torch.enable_grad():
            yield
    finally:
        model._compiled_call_impl = compiled
