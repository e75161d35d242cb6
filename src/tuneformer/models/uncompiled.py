"""A compiled model as it was written."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


@contextmanager
def uncompiled(model: nn.Module) -> Iterator[None]:
    """Within it, calls of the model run as it was written: hooks act, and nothing is compiled anew."""
    compiled: Any = model._compiled_call_impl
    model._compiled_call_impl = None
    try:
        yield
    finally:
        model._compiled_call_impl = compiled
