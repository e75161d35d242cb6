"""Sorting: the same numbers from the smallest on."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from tuneformer.config.setting import Setting
from tuneformer.data.contract import IGNORED
from tuneformer.data.examples.examples import Examples
from tuneformer.data.settings import TOKENS
from tuneformer.data.synthetic.base import SYMBOLS, SyntheticData
from tuneformer.errors import UserError

MOST_EXAMPLES = 1 << 17


@dataclass(frozen=True, kw_only=True)
class Sorting(SyntheticData):
    """(context_length + 1) / 2 numbers out of 0 ... n_symbols - 1, then the same in order (as in minGPT).

    The last number of the question predicts the first of the answer. All questions are listed where there
    are at most 2^17 of them.

    context_length = 11, n_symbols = 3:
        inputs   2 0 1 0 0 1 0 0 0 1 1
        targets  . . . . . 0 0 0 1 1 2

    Raises:
        UserError: context_length is even.
    """

    n_symbols: Annotated[int, Setting("numbers are 0, 1, ... n_symbols - 1", SYMBOLS)]
    context_length: Annotated[int, Setting("n numbers and n - 1 of them in order", SYMBOLS, unit=TOKENS)]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.context_length % 2:
            raise UserError(
                f"data.context_length={self.context_length} must be odd: n numbers and n - 1 of them in order"
            )

    @property
    def n_numbers(self) -> int:
        """Numbers to be sorted."""
        return (self.context_length + 1) // 2

    def all_examples(self) -> Examples | None:
        n = self.n_symbols**self.n_numbers
        if n > MOST_EXAMPLES:
            return None
        places = self.n_symbols ** np.arange(self.n_numbers)
        return self._answered(np.arange(n)[:, None] // places % self.n_symbols)

    def draw(self, generator: np.random.Generator, n: int) -> Examples:
        return self._answered(generator.integers(0, self.n_symbols, size=(n, self.n_numbers)))

    def _answered(self, numbers: np.ndarray) -> Examples:
        ordered = np.sort(numbers, axis=1)
        unscored = np.full((len(numbers), self.n_numbers - 1), IGNORED)
        return Examples(np.hstack((numbers, ordered[:, :-1])), np.hstack((unscored, ordered)))
