"""Arithmetic modulo a prime, on which generalisation comes long after memorisation ("grokking")."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from tuneformer.config.setting import Setting
from tuneformer.data.contract import IGNORED
from tuneformer.data.examples.examples import Examples
from tuneformer.data.settings import TOKENS
from tuneformer.data.synthetic.base import SYMBOLS, SyntheticData
from tuneformer.data.synthetic.splits import unit_hash
from tuneformer.errors import UserError
from tuneformer.process.machine_memory import room_here

OPERATIONS = ("division", "addition", "random")
LENGTH = 4


@dataclass(frozen=True, kw_only=True)
class Modular(SyntheticData):
    """a / b or a + b modulo p = n_symbols, all pairs (division: arXiv 2201.02177; addition: 2301.05217).

    `operation=random` gives every pair a random answer, which can be learnt by heart and no further. The
    table is split by a hash of the pair: `train_fraction` of it trains.

    p = 97, where 97 is the operation and 98 the sign of equality; 5 / 3 = 34, since 3 x 34 = 102 = 5 + 97:
        inputs   5 97 3 98
        targets  .  . . 34

    Raises:
        UserError: p is not prime, or context_length is not 4.
    """

    operation: Annotated[
        str,
        Setting(
            "what is done with a and b; random: no rule, to be learnt by heart",
            OPERATIONS,
            source="division: 2201.02177; addition: 2301.05217",
        ),
    ]
    n_symbols: Annotated[int, Setting("the prime", SYMBOLS)]
    context_length: Annotated[int, Setting("a, the operation, b, the sign of equality", SYMBOLS, unit=TOKENS)]

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(self.n_symbols % factor == 0 for factor in range(2, int(self.n_symbols**0.5) + 1)):
            raise UserError(f"data.n_symbols={self.n_symbols} must be prime: else division is not defined")
        if self.context_length != LENGTH:
            raise UserError(f"data.context_length={self.context_length} must be {LENGTH}: a, /, b, =")

    @property
    def n_tokens(self) -> int:
        return self.n_symbols + 2

    def all_examples(self) -> Examples:
        needed = 2 * LENGTH * self.n_symbols**2 * np.dtype(int).itemsize
        room_here().check_holds("all pairs need", needed, lower=f"data.n_symbols={self.n_symbols}")
        first = 1 if self.operation == "division" else 0
        a, b = np.meshgrid(np.arange(self.n_symbols), np.arange(first, self.n_symbols), indexing="ij")
        return self._answered(a.ravel(), b.ravel())

    def draw(self, generator: np.random.Generator, n: int) -> Examples:
        return self.all_examples().take(generator.integers(0, len(self.all_examples().inputs), size=n))

    def _answered(self, a: np.ndarray, b: np.ndarray) -> Examples:
        p = self.n_symbols
        inputs = np.stack((a, np.full_like(a, p), b, np.full_like(a, p + 1)), axis=1)
        targets = np.full_like(inputs, IGNORED)
        targets[:, -1] = self._answers(a, b)
        return Examples(inputs, targets)

    def _answers(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        p = self.n_symbols
        if self.operation == "addition":
            return (a + b) % p
        if self.operation == "division":
            inverse = np.array([0, *(pow(number, -1, p) for number in range(1, p))])
            return a * inverse[b] % p
        return (unit_hash(np.stack((b, a), axis=1)) * p).astype(np.int64)
