"""A mean and how sure it is; quick to import, since whoever writes numbers needs it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean, its standard deviation over `n` values, and its interval.

    `method` says how the interval was made: "t", "bootstrap", "welch", or "none" (NaN ends) where there
    are fewer than two values, or one that is not finite.
    """

    mean: float
    deviation: float
    low: float
    high: float
    n: int
    method: str

    @property
    def half_width(self) -> float:
        """Half the width of the interval; NaN where there is none."""
        return (self.high - self.low) / 2

    @property
    def is_symmetric(self) -> bool:
        """Whether the mean lies in the middle, as it does but for the bootstrap."""
        return self.method != "bootstrap"

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of 0; False where there is none."""
        return self.low > 0 or self.high < 0
