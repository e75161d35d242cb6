"""How much a method's loss depends on a setting."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


def lr_sensitivity(rates: Sequence[float], losses: Sequence[float], *, initial_loss: float) -> float:
    """Expected excess loss when the rate is drawn log-uniformly from the range tried (2309.14322).

    E over log(rate) of min(loss(rate), initial_loss) - min loss, the loss linear in log(rate) between the
    rates tried. A run that diverged (inf, NaN) counts with the loss of an untrained model. NaN below two
    rates, and where all diverged.
    """
    order = np.argsort(rates, kind="stable")
    x = np.log(np.asarray(rates, dtype=float)[order])
    y = np.asarray(losses, dtype=float)[order]
    if len(x) < 2 or x[0] == x[-1] or not np.isfinite(y).any():
        return math.nan
    best = float(y[np.isfinite(y)].min())
    y = np.minimum(np.where(np.isfinite(y), y, initial_loss), initial_loss) - best
    return float(np.trapezoid(y, x) / (x[-1] - x[0]))


@dataclass(frozen=True, kw_only=True)
class Basin:
    """The values of a setting whose loss is within `tolerance` of the best.

    `low` and `high` are the outermost values tried without a worse one between them and `best`. An open
    side (the last value tried is still within) may reach further.
    """

    best: float
    best_loss: float
    low: float
    high: float
    open_below: bool
    open_above: bool
    tolerance: float

    @property
    def best_is_on_edge(self) -> bool:
        """Whether a better value may lie outside those tried."""
        ends = ((self.low, self.open_below), (self.high, self.open_above))
        return any(self.best == end and is_open for end, is_open in ends)


def basin(values: Sequence[float], losses: Sequence[float], *, tolerance: float) -> Basin | None:
    """The basin around the value of the lowest loss, of equals the lowest value; None if all diverged."""
    pairs = sorted(
        (value, loss if math.isfinite(loss) else math.inf) for value, loss in zip(values, losses, strict=True)
    )
    best_loss = min((loss for _, loss in pairs), default=math.inf)
    if math.isinf(best_loss):
        return None
    at = next(index for index, (_, loss) in enumerate(pairs) if loss == best_loss)
    low = high = at
    while low > 0 and pairs[low - 1][1] <= best_loss + tolerance:
        low -= 1
    while high + 1 < len(pairs) and pairs[high + 1][1] <= best_loss + tolerance:
        high += 1
    return Basin(
        best=pairs[at][0],
        best_loss=best_loss,
        low=pairs[low][0],
        high=pairs[high][0],
        open_below=low == 0,
        open_above=high == len(pairs) - 1,
        tolerance=tolerance,
    )
