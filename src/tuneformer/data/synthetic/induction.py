"""Induction: what came after this token the last time."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from tuneformer.config.setting import Setting
from tuneformer.data.contract import IGNORED
from tuneformer.data.draws import distinct_tokens
from tuneformer.data.examples.examples import Examples
from tuneformer.data.settings import TOKENS
from tuneformer.data.synthetic.base import SYMBOLS, SyntheticData
from tuneformer.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Induction(SyntheticData):
    """A row of different random tokens, again and again (repeated random tokens of arXiv 2209.11895).

    The period P differs from example to example: uniform on T/4 ... T/2, with T = context_length. Position
    t is scored from t = P on: its token was there before, and what followed it then follows it now. As P
    is not known, no fixed distance gives the answer. A token must find the place behind its own last
    occurrence, which takes two layers: a head that looks at the previous token, and one that matches it.
    One layer can do little better than to guess among the P tokens of the row: about ln(3T/8) nats.

    T = 8, P = 3:
        inputs   7 2 5 7 2 5 7 2
        targets  . . . 2 5 7 2 5

    Raises:
        UserError: there are fewer symbols than the longest row has.
    """

    context_length: Annotated[
        int,
        Setting("length; the period is a quarter to a half of it", SYMBOLS, unit=TOKENS),
    ]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_symbols < self.context_length // 2:
            raise UserError(
                f"data.n_symbols={self.n_symbols} must be at least {self.context_length // 2}, half of"
                f" data.context_length={self.context_length}: the tokens of a row are different"
            )

    @property
    def numbers_an_example(self) -> int:
        return self.n_symbols + self.context_length

    def draw(self, generator: np.random.Generator, n: int) -> Examples:
        shortest, longest = max(self.context_length // 4, 1), self.context_length // 2
        periods = generator.integers(shortest, longest + 1, size=(n, 1))
        row = distinct_tokens(generator, n, length=longest, n_symbols=self.n_symbols)
        positions = np.arange(self.context_length + 1)
        tokens = np.take_along_axis(row, positions % periods, axis=1)
        scored = positions[:-1] >= periods
        return Examples(tokens[:, :-1], np.where(scored, tokens[:, 1:], IGNORED))
