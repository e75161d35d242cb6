"""L(N, D) = E + A (N / N0)^-a + B (D / D0)^-b: the loss of N parameters after D tokens (2203.15556).

On request with a joint term C (N / N0)^-a (D / D0)^-b.
Given both exponents the law is linear in E, A and B: two dimensions are searched, three are solved
(variable projection, 2603.22339), so that there is no start to choose and no local minimum to end in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tuneformer.errors import UserError

Numbers = Sequence[float] | np.ndarray

EXPONENTS = (0.05, 1.5)
"""Where exponents are searched for; published ones lie between 0.2 and 0.6."""
HUBER = 1e-3
"""Of log L: larger residuals count by their size, not their square (2203.15556)."""
ON_A_SIDE, REFINEMENTS, NARROWED, REWEIGHTED = 12, 8, 2.5, 8
RIDGE = 1e-13
N_NUMBERS = 5


@dataclass(frozen=True, kw_only=True)
class LossLaw:
    """A fitted law.

    Attributes:
        floor: E, nats per token.
        of_parameters: A, the part of the loss at N0 that more parameters take away.
        of_tokens: B, the part at D0 that more tokens take away.
        a: exponent of N.
        b: exponent of D.
        units: N0 and D0, the geometric means of what was fitted.
        deviation: of log L about the law, with `freedom` degrees; NaN where there are none.
        freedom: points beyond the numbers that were fitted.
        joint: C, of either sign; 0 without the term.
    """

    floor: float
    of_parameters: float
    of_tokens: float
    a: float
    b: float
    units: tuple[float, float]
    deviation: float
    freedom: int
    joint: float = 0.0

    def loss(self, parameters: Any, tokens: Any) -> Any:
        """The loss that the law has at N and D, numbers or arrays."""
        n, d = parameters / self.units[0], tokens / self.units[1]
        n, d = n**-self.a, d**-self.b
        return self.floor + self.of_parameters * n + self.of_tokens * d + self.joint * n * d


def fit_loss_law(
    parameters: Numbers,
    tokens: Numbers,
    losses: Numbers,
    *,
    a: float | None = None,
    joint: bool = False,
) -> LossLaw:
    """The law with the least sum of Huber losses of log L.

    Args:
        parameters: N of each point.
        tokens: D of each point.
        losses: L of each point, positive.
        a: the exponent of N where it is known; None: it is fitted. Of one size there is no such term.
        joint: whether there is a term of both.

    Raises:
        UserError: the points cannot tell the law: too few, of too few sizes or lengths, or not falling.
    """
    a_known = None if a is None else np.array([a])
    return _fitted(parameters, tokens, np.asarray(losses, float)[None], a=a_known, joint=joint)[0]


def fit_loss_laws(
    parameters: Numbers, tokens: Numbers, losses: np.ndarray, *, a: np.ndarray, joint: bool = False
) -> list[LossLaw]:
    """As `fit_loss_law`, of several losses (law, point) at the same points, each with its exponent of N."""
    return _fitted(parameters, tokens, losses, a=a, joint=joint)


def _fitted(
    parameters: Numbers, tokens: Numbers, losses: np.ndarray, *, a: np.ndarray | None, joint: bool
) -> list[LossLaw]:
    n, d = (np.asarray(each, float) for each in (parameters, tokens))
    one_size = len(np.unique(n)) == 1
    known = np.zeros(len(losses)) if one_size else a
    joint = joint and not one_size
    freedom = losses.shape[1] - (3 if one_size else N_NUMBERS - (a is not None) + joint)
    _check_enough(n, d, freedom, fitted_a=known is None)
    units = float(np.exp(np.log(n).mean())), float(np.exp(np.log(d).mean()))
    log_n, log_d = np.log(n / units[0]), np.log(d / units[1])
    terms = (1.0, float(not one_size), 1.0, float(joint))
    numbers, exponents = _searched(log_n, log_d, losses, a=known, terms=terms)
    laws = [
        LossLaw(
            floor=each[0],
            of_parameters=each[1],
            of_tokens=each[2],
            a=of_n,
            b=of_d,
            units=units,
            deviation=np.nan,
            freedom=freedom,
            joint=each[3] if joint else 0.0,
        )
        for each, (of_n, of_d) in zip(numbers.tolist(), exponents.tolist(), strict=True)
    ]
    if freedom <= 0:
        return laws
    residuals = [np.log(law.loss(n, d)) - np.log(y) for law, y in zip(laws, losses, strict=True)]
    return [
        replace(law, deviation=float(np.sqrt(each @ each / freedom)))
        for law, each in zip(laws, residuals, strict=True)
    ]


def _searched(
    log_n: np.ndarray, log_d: np.ndarray, y: np.ndarray, *, a: np.ndarray | None, terms: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """The numbers and exponents of the least cost: grids of exponents, each about the best of the one before.

    Of losses (law, point). Numbers are E, A and B, and C of a joint term.
    """
    rows = np.arange(len(y))
    low, high = (np.log(np.array([EXPONENTS[end]] * 2)) for end in (0, 1))
    centre, width = np.tile((low + high) / 2, (len(y), 1)), high - low
    numbers, best = np.zeros((len(y), 4 if terms[3] else 3)), np.zeros((len(y), 2))
    best_cost = np.full(len(y), np.inf)
    for _ in range(REFINEMENTS):
        steps = np.linspace(-0.5, 0.5, ON_A_SIDE)[:, None] * width
        tried = np.exp(np.clip(centre[:, None] + steps, low, high))  # (law, tried, exponent)
        of_n = tried[:, :, 0] if a is None else a[:, None]
        pairs = np.stack(np.broadcast_arrays(of_n[:, :, None], tried[:, None, :, 1]), axis=3)
        pairs = pairs.reshape(len(y), -1, 2)
        n_pairs = pairs.shape[1]
        costs, solutions = _solve(
            pairs.reshape(-1, 2), log_n, log_d, np.repeat(y, n_pairs, axis=0), terms=terms
        )
        costs = costs.reshape(len(y), n_pairs)
        found = costs.argmin(axis=1)
        better = costs[rows, found] < best_cost
        numbers[better] = solutions.reshape(len(y), n_pairs, -1)[rows, found][better]
        best[better], best_cost[better] = pairs[rows, found][better], costs[rows, found][better]
        moved = better if a is None else np.stack((np.zeros_like(better), better), axis=1)
        moved = moved[:, None] if a is None else moved
        centre = np.where(moved, np.log(np.maximum(best, EXPONENTS[0])), centre)
        width = width / NARROWED
    if not np.isfinite(best_cost).all():
        raise UserError("the losses do not fall with parameters and tokens: there is no law to fit")
    return numbers, best


def _check_enough(n: np.ndarray, d: np.ndarray, freedom: int, *, fitted_a: bool) -> None:
    sizes, lengths = len(np.unique(n)), len(np.unique(d))
    if fitted_a and sizes < 3:
        raise UserError(f"{sizes} sizes cannot tell how the loss falls with parameters: three are needed")
    if lengths < 3:
        raise UserError(f"{lengths} lengths cannot tell how the loss falls with tokens: three are needed")
    if freedom < 0:
        raise UserError(f"{len(n)} points cannot tell the {len(n) - freedom} numbers of the law")


def _solve(
    exponents: np.ndarray, log_n: np.ndarray, log_d: np.ndarray, y: np.ndarray, *, terms: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Huber's cost and (E, A, B, maybe C) for each pair of exponents; infinite where A or B is negative.

    `terms`: 0 for those that the law does not have. Where E would be negative it is 0.
    """
    of_parameters = np.exp(-exponents[:, :1] * log_n)
    of_tokens = np.exp(-exponents[:, 1:] * log_d)
    columns = [np.ones_like(of_tokens), terms[1] * of_parameters, of_tokens]
    if terms[3]:
        columns.append(of_parameters * of_tokens)
    costs, solutions = _reweighted(np.stack(columns, axis=2), y)
    costs_from_zero, from_zero = _reweighted(np.stack([0 * columns[0], *columns[1:]], axis=2), y)
    lower = costs_from_zero < costs
    return np.where(lower, costs_from_zero, costs), np.where(lower[:, None], from_zero, solutions)


def _reweighted(columns: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Iteratively reweighted least squares of (L_law - L) / L, to first order log L_law - log L."""
    solutions = _weighted(columns, y, np.ones(columns.shape[:2]))
    for _ in range(REWEIGHTED - 1):
        size = _residuals(columns, solutions, y)
        solutions = _weighted(columns, y, np.minimum(1.0, HUBER / np.maximum(size, HUBER)))
    size = _residuals(columns, solutions, y)
    cost = np.where(size <= HUBER, size**2 / 2, HUBER * (size - HUBER / 2)).sum(axis=1)
    negative = np.any(solutions[:, :3] < 0, axis=1)
    return np.where(negative | ~np.isfinite(cost), np.inf, cost), solutions


def _weighted(columns: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    root = np.sqrt(weights)
    scaled = columns * (root / y)[:, :, None]
    normal = scaled.transpose(0, 2, 1) @ scaled + RIDGE * np.eye(columns.shape[2])
    return np.linalg.solve(normal, (scaled * root[:, :, None]).sum(axis=1)[:, :, None])[:, :, 0]


def _residuals(columns: np.ndarray, solutions: np.ndarray, y: np.ndarray) -> np.ndarray:
    """|log L_law - log L|, infinite where the law is not positive."""
    predicted = (columns @ solutions[:, :, None])[:, :, 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.abs(np.nan_to_num(np.log(predicted) - np.log(y), nan=np.inf))
