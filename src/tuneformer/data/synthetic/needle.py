"""A needle in a haystack: one fact among fillers, asked for at the end."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from tuneformer.config.setting import Setting
from tuneformer.data.contract import IGNORED
from tuneformer.data.examples.examples import Examples
from tuneformer.data.settings import COUNT
from tuneformer.data.synthetic.base import SYMBOLS, SyntheticData
from tuneformer.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Needle(SyntheticData):
    """A mark and behind it a value, somewhere among fillers; the mark at the end asks for the value.

    Symbols below n_symbols / 2 are fillers, the others values; the mark is no symbol, so that a filler never
    is one. The value stands `min_distance` tokens or more before the last one. A token reaches back
    w - 1 tokens in a layer with a window of w, so that L layers are at chance, ln(n_symbols / 2) nats, where
    L (w - 1) is less than min_distance.

    context_length = 8, n_symbols = 6, min_distance = 4, the mark is 6:
        inputs   1 6 5 0 0 2 1 6
        targets  . . . . . . . 5

    Raises:
        UserError: the context is too short for the distance.
    """

    n_symbols: Annotated[int, Setting("half fillers, half values; the mark is one token more", SYMBOLS)]
    min_distance: Annotated[int, Setting("tokens between the value and the question, at least", COUNT)]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.context_length < self.min_distance + 2:
            raise UserError(
                f"data.context_length={self.context_length} must be at least {self.min_distance + 2}:"
                f" data.min_distance={self.min_distance}, the mark and the question"
            )

    @property
    def n_tokens(self) -> int:
        return self.n_symbols + 1

    def draw(self, generator: np.random.Generator, n: int) -> Examples:
        n_fillers, rows = self.n_symbols // 2, np.arange(n)
        inputs = generator.integers(0, n_fillers, size=(n, self.context_length))
        values = generator.integers(n_fillers, self.n_symbols, size=n)
        places = generator.integers(1, self.context_length - self.min_distance, size=n)
        inputs[rows, places] = values
        inputs[rows, places - 1] = inputs[:, -1] = self.n_symbols
        targets = np.full_like(inputs, IGNORED)
        targets[:, -1] = values
        return Examples(inputs, targets)
