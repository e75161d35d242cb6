"""What a score is beside chance: a model that learned nothing, an input that says nothing."""

import copy

import torch
from torch import Tensor, nn

from tuneformer.process.random_state import kept_random_state


def with_random_weights(model: nn.Module, *, seed: int) -> nn.Module:
    """Return a copy whose weights are drawn anew by the scheme of the model, on the device of the model.

    The global random state is left as it was. Draw a few seeds where the spread matters.
    """
    drawn = copy.deepcopy(model)
    with kept_random_state():
        torch.manual_seed(seed)
        drawn.initialize()  # pyright: ignore[reportCallIssue]
    return drawn


def shuffled(tokens: Tensor, *, seed: int) -> Tensor:
    """Return each sequence in a random order of its own: the same tokens, without what their order says.

    Args:
        tokens: (batch, time), or (batch, time, width) of vectors; without padding.
        seed: of the orders, drawn on the CPU.
    """
    generator = torch.Generator().manual_seed(seed)
    orders = torch.rand(tokens.shape[:2], generator=generator).argsort(dim=1).to(tokens.device)
    return tokens[torch.arange(len(tokens), device=tokens.device)[:, None], orders]
