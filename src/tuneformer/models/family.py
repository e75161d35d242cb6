"""What every model of conf/model has: its settings, and weights that are drawn once."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from tuneformer.models.initialization import initialize
from tuneformer.models.settings import FamilySettings


class ModelFamily(nn.Module):
    """A model that draws its weights by the scheme that its settings name."""

    base_width: int | None = None
    """The width at which muP is the standard parametrisation; None without it."""

    def __init__(self, settings: FamilySettings) -> None:
        super().__init__()
        self.settings = settings
        self.d_model = settings.d_model
        self.n_layers = settings.n_layers

    def n_positions(self, n_tokens: int | float) -> int | float:
        """Return the tokens (vectors, patches) of one example of `n_tokens` tokens on each side."""
        return n_tokens

    def stream_numbers(self, n_tokens: int | float) -> int | float:
        """Return at least how many numbers between layers the backward pass of such an example needs."""
        return self.n_layers * self.d_model * self.n_positions(n_tokens)

    def output_numbers(self, n_tokens: int | float) -> int | float:
        """Return at least how many numbers it answers such an example with."""
        del n_tokens
        return 0

    @contextmanager
    def drawn_once(self) -> Iterator[None]:
        """Within the block modules get no storage; then it is given, on torch's default device, and drawn.

        torch's own layers would draw weights that nobody keeps.
        """
        device = torch.get_default_device()
        with torch.device("meta"):
            yield
        self.to_empty(device=device)
        self.initialize()

    def initialize(self) -> None:
        """Draw all weights anew, by the scheme that the model was built with."""
        initialize(
            self,
            scheme=self.settings.initialization,
            d_model=self.d_model,
            n_layers=self.n_layers,
            base_width=self.base_width,
        )
