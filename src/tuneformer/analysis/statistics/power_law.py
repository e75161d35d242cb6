"""Loss against the length of the run, and the time or data that a method saves."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from tuneformer.analysis.statistics.intervals import CONFIDENCE

SMALLEST_EXPONENT, LARGEST_EXPONENT = 0.005, 5.0
FEWEST_HORIZONS = 3


@dataclass(frozen=True, kw_only=True)
class PowerLaw:
    """loss = a (D / unit)^-b + c, fitted by least squares in the loss.

    `unit` is the geometric mean of the lengths, so that the fit does not depend on what they are counted
    in. `covariance` of (a, b, c) and `residual_variance` come from the residuals and their `freedom`
    (points less 3); with freedom 0 they are NaN. `longest` is the largest D that was fitted.
    """

    unit: float
    a: float
    b: float
    c: float
    covariance: np.ndarray
    residual_variance: float
    freedom: int
    longest: float

    def loss(self, d: float) -> float:
        """The fitted loss at D."""
        return self.a * (d / self.unit) ** -self.b + self.c

    def length_for(self, loss: float) -> float:
        """D at which the fit reaches `loss`: unit (a / (loss - c))^(1 / b); infinite at and below c."""
        return self.unit * (self.a / (loss - self.c)) ** (1 / self.b) if loss > self.c else math.inf


@dataclass(frozen=True, kw_only=True)
class SpeedUp:
    """How many times longer the baseline needs for the method's loss, with its interval.

    `extrapolated`: the baseline was not run that long.
    """

    at: float
    ratio: float
    low: float
    high: float
    extrapolated: bool


def fit_power_law(lengths: Sequence[float], losses: Sequence[float]) -> PowerLaw | None:
    """The fit to all finite points; None below three different lengths, or where the loss does not fall.

    For each b the best a and c are linear least squares, so that only b is searched for.
    """
    d, y = np.asarray(lengths, dtype=float), np.asarray(losses, dtype=float)
    keep = np.isfinite(d) & np.isfinite(y) & (d > 0)
    d, y = d[keep], y[keep]
    if len(np.unique(d)) < FEWEST_HORIZONS:
        return None
    unit = float(np.exp(np.log(d).mean()))
    x = d / unit

    def solve(log_b: float) -> tuple[float, np.ndarray]:
        design = np.stack([x ** -math.exp(log_b), np.ones_like(x)], axis=1)
        found = np.linalg.lstsq(design, y, rcond=None)[0]
        return float(np.sum((design @ found - y) ** 2)), found

    from scipy.optimize import fminbound  # heavy: only who has several lengths pays for it

    grid = np.linspace(math.log(SMALLEST_EXPONENT), math.log(LARGEST_EXPONENT), 60)
    start = int(np.argmin([solve(log_b)[0] for log_b in grid]))
    bounds = (grid[max(start - 1, 0)], grid[min(start + 1, len(grid) - 1)])
    log_b = float(np.asarray(fminbound(lambda log_b: solve(log_b)[0], *bounds, xtol=1e-10)))
    error, (a, c) = solve(log_b)
    b = math.exp(log_b)
    if a <= 0:
        return None
    freedom = len(x) - 3
    variance = error / freedom if freedom > 0 else math.nan
    return PowerLaw(
        unit=unit,
        a=float(a),
        b=b,
        c=float(c),
        covariance=_covariance(x, float(a), b, variance),
        residual_variance=variance,
        freedom=freedom,
        longest=float(d.max()),
    )


def speed_up(
    baseline: PowerLaw, *, at: float, losses: Sequence[float], confidence: float = CONFIDENCE
) -> SpeedUp:
    """The D' at which the baseline reaches the mean of `losses` (a method's, at D = `at`), over D.

    The interval is that of log(D' / D) by the delta method, from the covariance of the fit and the
    variance of a point about it (shared by method and baseline), with Student's t on the fit's degrees of
    freedom. NaN ends where the fit has none; an infinite ratio where the loss lies at or below c.
    """
    loss = float(np.mean(losses)) if len(losses) else math.nan
    if not math.isfinite(loss):
        return SpeedUp(at=at, ratio=math.nan, low=math.nan, high=math.nan, extrapolated=False)
    length = baseline.length_for(loss)
    ratio, beyond = length / at, length > baseline.longest
    if baseline.freedom < 1 or math.isinf(length):
        return SpeedUp(at=at, ratio=ratio, low=math.nan, high=math.nan, extrapolated=beyond)
    excess = loss - baseline.c
    slopes = np.array(  # of log D' = (log a - log(loss - c)) / b
        [
            1 / (baseline.a * baseline.b),
            -math.log(length / baseline.unit) / baseline.b,
            1 / (baseline.b * excess),
        ]
    )
    of_loss = 1 / (baseline.b * excess)
    variance = slopes @ baseline.covariance @ slopes + of_loss**2 * baseline.residual_variance / len(losses)
    quantile = float(stdtrit(baseline.freedom, (1 + confidence) / 2))
    half = quantile * math.sqrt(float(variance))
    return SpeedUp(
        at=at,
        ratio=ratio,
        low=ratio * math.exp(-half) if half < 700 else 0.0,
        high=ratio * math.exp(half) if half < 700 else math.inf,
        extrapolated=beyond,
    )


def _covariance(x: np.ndarray, a: float, b: float, variance: float) -> np.ndarray:
    if math.isnan(variance):
        return np.full((3, 3), math.nan)
    jacobian = np.stack([x**-b, -a * np.log(x) * x**-b, np.ones_like(x)], axis=1)
    return variance * np.linalg.pinv(jacobian.T @ jacobian)
