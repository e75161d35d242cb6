"""Looking at a difference again and again while seeds are added, with an error that stays below its level.

At a look with n seeds, normal differences of mean D satisfy |mean - D| <= t(1 - a/2, n - 1) s / sqrt(n) but
with probability a. The levels a of all looks add up to `level`, so by the union bound the intervals of all
looks hold D together with probability 1 - level or more, whichever look is the last (Bonferroni's form of the
repeated confidence intervals of Jennison and Turnbull 1989). The number of looks need not be known
beforehand: what is left of the level is halved at each look beyond the planned one.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from tuneformer.analysis.statistics.holm import LEVEL

FIRST_LOOK = 3
GROWTH = 1.5
EARLY, PLANNED = 0.2, 0.6
"""Shares of the level that the looks before the planned one, and the planned one, take."""

REPORTED_CONFIDENCE = 0.965
"""Confidence of the intervals to report once a comparison has stopped.

A comparison that stops where its interval is short makes Student's interval of 95 % hold in 91 to 95 % of all
cases. At this confidence it holds in 93 to 97 % up to the planned look, and in 91 to 98 % beyond it, whatever
the difference and the number of pairs (simulated in the tests).
"""

BETTER, WORSE, EQUIVALENT, OPEN = "better", "worse", "equivalent", "open"


@dataclass(frozen=True, kw_only=True)
class Look:
    """A look at `n` seeds, which takes `share` of the level."""

    n: int
    share: float


def looks(planned: int) -> Iterator[Look]:
    """Looks without end: 3, 5, 8, ... seeds up to the planned number, then half as many again each time.

    Raises:
        ValueError: `planned` is below the first look.
    """
    if planned < FIRST_LOOK:
        raise ValueError(f"{planned} seeds are fewer than the {FIRST_LOOK} of the first look")
    early = []
    n = FIRST_LOOK
    while n < planned:
        early.append(n)
        n = _next(n)
    for n in early:
        yield Look(n=n, share=EARLY / len(early))
    yield Look(n=planned, share=PLANNED if early else PLANNED + EARLY)
    n, left = planned, 1 - EARLY - PLANNED
    while True:
        n, left = _next(n), left / 2
        yield Look(n=n, share=left)


def _next(n: int) -> int:
    return math.ceil(n * GROWTH)


def interval_at(differences: Sequence[float], look_level: float) -> tuple[float, float]:
    """Student's interval of normal differences at 1 - `look_level`; infinite ends below two of them."""
    d = np.asarray(differences, dtype=float)
    mean = float(d.mean()) if len(d) else 0.0
    if len(d) < 2:
        return -math.inf, math.inf
    half = float(stdtrit(len(d) - 1, 1 - look_level / 2)) * float(d.std(ddof=1)) / math.sqrt(len(d))
    return mean - half, mean + half


def verdict(interval: tuple[float, float], *, margin: float) -> str:
    """What an interval of mine - theirs says, lower values being better.

    `EQUIVALENT` where it lies within `margin` of 0 on both sides and does not exclude 0.
    """
    low, high = interval
    if high < 0:
        return BETTER
    if low > 0:
        return WORSE
    return EQUIVALENT if -margin < low and high < margin else OPEN


def level_of(look: Look, *, n_pairs: int, level: float = LEVEL) -> float:
    """The level of one of `n_pairs` intervals at a look, so that all of them err with at most `level`."""
    return look.share * level / n_pairs
