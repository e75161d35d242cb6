"""Markov chains to be learnt in context: every example is another chain."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from tuneformer.config.setting import Setting
from tuneformer.data.examples.examples import Examples
from tuneformer.data.synthetic.base import SYMBOLS, SyntheticData


@dataclass(frozen=True, kw_only=True)
class Markov(SyntheticData):
    """context_length + 1 states of a chain whose transitions are drawn anew for every example (2402.11004).

    Each row of the transition matrix is uniform on the simplex (Dirichlet with all ones), the first state
    uniform. Every place is scored. Nobody can do better than the expectation of the transitions given
    the states so far,

        p(next = j | now = i, the past) = (n_ij + 1) / (n_i + n_symbols),

    with n_ij the transitions from i to j so far and n_i their sum; a model passes from uniform guesses to
    the frequencies of states and then to these. The entropy rate of the chains is the floor that the loss
    approaches as the context grows.

    context_length = 6, n_symbols = 3:
        inputs   0 2 2 1 2 2
        targets  2 2 1 2 2 0
    """

    n_symbols: Annotated[int, Setting("states", SYMBOLS)]

    @property
    def numbers_an_example(self) -> int:
        return self.n_symbols**2

    def draw(self, generator: np.random.Generator, n: int) -> Examples:
        matrices = generator.dirichlet(np.ones(self.n_symbols), size=(n, self.n_symbols))
        edges = matrices.cumsum(axis=2)[:, :, :-1]
        length, rows = self.context_length + 1, np.arange(n)
        uniform = generator.random((n, length))
        tokens = np.empty((n, length), dtype=np.int64)
        tokens[:, 0] = uniform[:, 0] * self.n_symbols
        for place in range(1, length):
            now = edges[rows, tokens[:, place - 1]]
            tokens[:, place] = (uniform[:, place, None] >= now).sum(axis=1)
        return Examples(tokens[:, :-1], tokens[:, 1:])

    def optimum(self, examples: Examples) -> dict[str, float]:
        """The loss of the posterior expectation on these very chains, in nats per token."""
        return {"loss": posterior_loss(examples, n_states=self.n_symbols)}

    def remarks(self) -> list[str]:
        rate = expected_entropy_of_row(self.n_symbols)
        return [f"the entropy of a transition, which a longer context approaches: {rate:.4f} nats"]


def posterior_loss(examples: Examples, *, n_states: int) -> float:
    """Mean of -ln((n_ij + 1) / (n_i + n_states)) over all transitions: see `Markov`."""
    n, length = examples.inputs.shape
    counts, rows = np.ones((n, n_states, n_states)), np.arange(n)
    total = 0.0
    for place in range(length):
        now, following = examples.inputs[:, place], examples.targets[:, place]
        total -= np.log(counts[rows, now, following] / counts[rows, now].sum(axis=1)).sum()
        counts[rows, now, following] += 1
    return total / (n * length)


def expected_entropy_of_row(n_states: int) -> float:
    """E H(p), p uniform on the simplex of n states: 1/2 + 1/3 + ... + 1/n nats."""
    return sum(1 / number for number in range(2, n_states + 1))


def entropy_rate(matrix: np.ndarray) -> float:
    """-sum_i pi_i sum_j P_ij ln P_ij in nats, pi the stationary distribution of the chain P."""
    n = len(matrix)
    equations = np.vstack((matrix.T - np.eye(n), np.ones(n)))
    stationary = np.linalg.lstsq(equations, np.append(np.zeros(n), 1.0), rcond=None)[0]
    logarithms = np.log(matrix, where=matrix > 0, out=np.zeros_like(matrix))
    return float(-(stationary @ (matrix * logarithms).sum(axis=1)))
