"""Copying: say the same again."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from tuneformer.config.setting import Setting
from tuneformer.data.contract import IGNORED
from tuneformer.data.examples.examples import Examples
from tuneformer.data.settings import TOKENS
from tuneformer.data.synthetic.base import SYMBOLS, SyntheticData
from tuneformer.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Copy(SyntheticData):
    """context_length / 2 random symbols, a mark, and the symbols again.

    What is asked for always lies as far back, so that one layer suffices that knows where its tokens stand.

    context_length = 8, n_symbols = 8, the mark is 8:
        inputs   3 1 7 1 8 3 1 7
        targets  . . . . 3 1 7 1

    Raises:
        UserError: context_length is odd.
    """

    n_symbols: Annotated[int, Setting("different symbols; the mark is one token more", SYMBOLS)]
    context_length: Annotated[int, Setting("length; half of it is copied", SYMBOLS, unit=TOKENS)]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.context_length % 2:
            raise UserError(
                f"data.context_length={self.context_length} must be even: half of it is said again"
            )

    @property
    def n_tokens(self) -> int:
        return self.n_symbols + 1

    def draw(self, generator: np.random.Generator, n: int) -> Examples:
        length = self.context_length // 2
        said = generator.integers(0, self.n_symbols, size=(n, length))
        mark = np.full((n, 1), self.n_symbols)
        unscored = np.full((n, length), IGNORED)
        return Examples(np.hstack((said, mark, said[:, :-1])), np.hstack((unscored, said)))
