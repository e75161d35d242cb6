"""Associative recall with several queries (MQAR, arXiv 2312.04927)."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from tuneformer.config.setting import Setting
from tuneformer.data.contract import IGNORED
from tuneformer.data.draws import distinct_tokens
from tuneformer.data.examples.examples import Examples
from tuneformer.data.settings import COUNT
from tuneformer.data.synthetic.base import SYMBOLS, SyntheticData
from tuneformer.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Recall(SyntheticData):
    """`n_pairs` keys with their values; later each key comes once more, and its value is asked for.

    Symbols below n_symbols / 2 are keys, the others values. The keys of an example are different. They come
    again in random order at random places of the rest; all other places hold fillers: keys that are not
    among those of the example, so that a filler never is a question.

    context_length = 10, n_symbols = 16, n_pairs = 2:
        inputs   3 12  5 9  1 5 0 3  7 2
        targets  .  .  . .  . 9 . 12 . .

    Raises:
        UserError: the context has no room for the pairs and their queries, or there are too few symbols.
    """

    n_symbols: Annotated[int, Setting("half of them keys, half values", SYMBOLS)]
    n_pairs: Annotated[
        int,
        Setting(
            "keys of an example",
            COUNT,
            source="2312.04927: 4, 8, 16 in 64, 128, 256 tokens",
        ),
    ]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.context_length < 3 * self.n_pairs:
            raise UserError(
                f"data.context_length={self.context_length} must be at least {3 * self.n_pairs}:"
                f" data.n_pairs={self.n_pairs} pairs, and each key once more"
            )
        if self.n_symbols < 2 * self.n_pairs + 2:
            raise UserError(
                f"data.n_symbols={self.n_symbols} must be at least {2 * self.n_pairs + 2}: half of them are"
                f" keys, data.n_pairs={self.n_pairs} and one for fillers"
            )

    @property
    def numbers_an_example(self) -> int:
        return self.n_symbols // 2 + self.context_length

    def draw(self, generator: np.random.Generator, n: int) -> Examples:
        n_keys, pairs = self.n_symbols // 2, self.n_pairs
        shuffled = distinct_tokens(generator, n, length=n_keys, n_symbols=n_keys)
        keys, fillers = shuffled[:, :pairs], shuffled[:, pairs:]
        values = generator.integers(n_keys, self.n_symbols, size=(n, pairs))
        length = self.context_length - 2 * pairs
        rest = np.take_along_axis(fillers, generator.integers(0, n_keys - pairs, size=(n, length)), axis=1)
        targets = np.full((n, length), IGNORED)
        places = distinct_tokens(generator, n, length=pairs, n_symbols=length)
        np.put_along_axis(rest, places, keys, axis=1)
        np.put_along_axis(targets, places, values, axis=1)
        shown = np.stack((keys, values), axis=2).reshape(n, 2 * pairs)
        return Examples(np.hstack((shown, rest)), np.hstack((np.full_like(shown, IGNORED), targets)))
