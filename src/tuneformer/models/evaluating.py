"""A model as it is evaluated, for a look at it while it trains."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from tuneformer.models.uncompiled import uncompiled


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Within it the model is in evaluation mode and runs as it was written; afterwards all is as it was."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with uncompiled(model):
            yield
    finally:
        for module, training in modes.items():
            module.training = training
