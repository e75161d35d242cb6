"""Brackets that close in the order in which they were opened (Dyck-k of bounded depth)."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from tuneformer.config.setting import Setting
from tuneformer.data.contract import IGNORED
from tuneformer.data.examples.examples import Examples
from tuneformer.data.settings import COUNT
from tuneformer.data.synthetic.base import SYMBOLS, SyntheticData


@dataclass(frozen=True, kw_only=True)
class Dyck(SyntheticData):
    """Beginnings of words of n_symbols kinds of brackets, at most `depth` of them open (arXiv 2105.11115).

    At each place a bracket opens or closes with probability 1/2 each, but opens where none is open and
    closes where `depth` are; the kind of one that opens is uniform. Scored are the places before a
    closing bracket, where the kind of the innermost open one is the only right answer: two layers find it.
    Symbol i opens kind i, symbol n_symbols + i closes it.

    context_length = 7, n_symbols = 2, depth = 2, as ( [ ) ]:
        inputs   ( [ ] ( ) ) [
        targets  . ] . ) ) . ]
    """

    n_symbols: Annotated[int, Setting("kinds of brackets, each of two tokens", SYMBOLS)]
    depth: Annotated[int, Setting("brackets that may be open at once", COUNT)]

    @property
    def n_tokens(self) -> int:
        return 2 * self.n_symbols

    @property
    def numbers_an_example(self) -> int:
        return self.depth + self.context_length

    def draw(self, generator: np.random.Generator, n: int) -> Examples:
        length = self.context_length + 1
        opens = generator.random((n, length)) < 0.5
        kinds = generator.integers(0, self.n_symbols, size=(n, length))
        rows, n_open = np.arange(n), np.zeros(n, dtype=np.int64)
        stack = np.zeros((n, self.depth), dtype=np.int64)
        tokens = np.empty((n, length), dtype=np.int64)
        for place in range(length):
            opening = (opens[:, place] | (n_open == 0)) & (n_open < self.depth)
            innermost = stack[rows, np.maximum(n_open - 1, 0)]
            tokens[:, place] = np.where(opening, kinds[:, place], self.n_symbols + innermost)
            stack[rows[opening], n_open[opening]] = kinds[opening, place]
            n_open += np.where(opening, 1, -1)
        closing = tokens[:, 1:] >= self.n_symbols
        return Examples(tokens[:, :-1], np.where(closing, tokens[:, 1:], IGNORED))
