"""The best rate and batch as powers: y = c N^p D^q (2503.04715), each exponent with its interval."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from tuneformer.analysis.laws.loss_law import Numbers
from tuneformer.analysis.statistics.intervals import CONFIDENCE
from tuneformer.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Exponent:
    """An exponent with its interval."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether it can be told from zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, kw_only=True)
class PowerOf:
    """A fitted power law of several quantities.

    Attributes:
        names: the quantities whose powers it has.
        numbers: log c at the units, then the exponents.
        units: geometric means of the quantities.
        covariance: of `numbers`.
        deviation: of log y about the law.
        freedom: points beyond the numbers.
        exponents: by name.
    """

    names: tuple[str, ...]
    numbers: np.ndarray
    units: dict[str, float]
    covariance: np.ndarray
    deviation: float
    freedom: int
    exponents: dict[str, Exponent]

    def at(self, quantities: Mapping[str, float]) -> tuple[float, float, float]:
        """y with the interval of what a new sweep would find there."""
        middle, error = self._log_at(quantities)
        half = float(stdtrit(self.freedom, (1 + CONFIDENCE) / 2)) * error
        return math.exp(middle), math.exp(middle - half), math.exp(middle + half)

    def chance_below_one(self, quantities: Mapping[str, float]) -> float:
        """How probable it is that a new sweep would find y < 1 there."""
        middle, error = self._log_at(quantities)
        return float(stdtr(self.freedom, -middle / error)) if error > 0 else float(middle < 0)

    def _log_at(self, quantities: Mapping[str, float]) -> tuple[float, float]:
        """Log y and its standard error as that of a new sweep."""
        row = np.array([1.0, *(math.log(quantities[name] / self.units[name]) for name in self.names)])
        error = math.sqrt(float(row @ self.covariance @ row) + self.deviation**2)
        return float(row @ self.numbers), error


def fit_powers(quantities: Mapping[str, Numbers], values: Numbers) -> PowerOf:
    """Least squares in logarithms; quantities that do not vary are left out.

    Raises:
        UserError: there are not two points more than numbers.
    """
    names = tuple(name for name, each in quantities.items() if len(set(each)) > 1)
    if len(values) < len(names) + 3:
        raise UserError(
            f"{len(values)} sweeps do not tell powers of {' and '.join(names)}: {len(names) + 3} are needed"
        )
    units = {name: math.exp(float(np.log(quantities[name]).mean())) for name in names}
    columns = [np.ones(len(values)), *(np.log(np.asarray(quantities[name]) / units[name]) for name in names)]
    x, y = np.stack(columns, axis=1), np.log(values)
    numbers, *_ = np.linalg.lstsq(x, y, rcond=None)
    freedom = len(y) - x.shape[1]
    residuals = y - x @ numbers
    variance = float(residuals @ residuals) / freedom
    covariance = variance * np.linalg.inv(x.T @ x)
    half = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * np.sqrt(np.diag(covariance))
    exponents = {
        name: Exponent(value=value, low=value - width, high=value + width)
        for name, value, width in zip(names, map(float, numbers[1:]), map(float, half[1:]), strict=True)
    }
    return PowerOf(
        names=names,
        numbers=numbers,
        units=units,
        covariance=covariance,
        deviation=math.sqrt(variance),
        freedom=freedom,
        exponents=exponents,
    )
