"""Intervals of allowed numbers, and the one-line error for a setting outside its own."""

import math
from dataclasses import dataclass

from tuneformer.config.shown import printable, shown
from tuneformer.errors import UserError

Number = int | float
"""A number as YAML gives it, where 1 and 1.0 are the same setting."""

LARGEST = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class Range:
    """An interval of the real line.

    Each end belongs to it or not; infinity does where it switches something off.
    """

    low: Number
    high: Number
    holds_low: bool
    holds_high: bool
    words: str

    def __contains__(self, value: object) -> bool:
        """Whether `value` is a number within; a flag is none."""
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        above = value >= self.low if self.holds_low else value > self.low
        below = value <= self.high if self.holds_high else value < self.high
        return above and below

    @property
    def interval(self) -> str:
        """In the notation of intervals, as [0, 1)."""
        low = f"{'[' if self.holds_low else '('}{'-∞' if self.low == -math.inf else self.low}"
        high = f"{'∞' if self.high == math.inf else self.high}{']' if self.holds_high else ')'}"
        return f"{low}, {high}"

    def check(self, setting: str, value: object) -> None:
        """Raise UserError `<setting>=<value> <words>` unless the value is a number within."""
        if value not in self:
            raise UserError(f"{setting}={shown(value)} {self.words}")


FINITE = Range(low=-math.inf, high=math.inf, holds_low=False, holds_high=False, words="must be a number")
POSITIVE = Range(low=0, high=math.inf, holds_low=False, holds_high=False, words="must be positive")
NOT_NEGATIVE = Range(
    low=0, high=math.inf, holds_low=True, holds_high=False, words="must be a number, 0 or greater"
)
ZERO_TO_ONE = Range(low=0, high=1, holds_low=True, holds_high=True, words="must be from 0 to 1")
BELOW_ONE = Range(low=0, high=1, holds_low=True, holds_high=False, words="must be at least 0 and below 1")
AT_LEAST_ZERO = Range(low=0, high=math.inf, holds_low=True, holds_high=False, words="must be 0 or more")
AT_LEAST_ONE = Range(low=1, high=math.inf, holds_low=True, holds_high=False, words="must be at least 1")
AT_LEAST_TWO = Range(low=2, high=math.inf, holds_low=True, holds_high=False, words="must be at least 2")
ABOVE_ZERO_TO_ONE = Range(
    low=0, high=1, holds_low=False, holds_high=True, words="must be greater than 0 and at most 1"
)


def up_to(most: int) -> Range:
    """From 1 to a number beyond which nobody waits for the end."""
    return Range(low=1, high=most, holds_low=True, holds_high=True, words=f"must be from 1 to {most:,}")


def whole(low: int, high: int) -> Range:
    """The whole numbers from `low` to `high`."""
    words = f"must be at least {low} and at most {high:,}"
    return Range(low=low, high=high, holds_low=True, holds_high=True, words=words)


MACHINES = whole(1, 100_000)
"""Of a cluster, and what runs on it at a time."""
CORES = whole(1, 10_000)
"""Of one machine: CPUs, threads, devices."""
GPUS = whole(0, 10_000)


def check_finite(setting: str, number: Number, *, may_be_infinite: bool = False) -> None:
    """Raise UserError for what is no finite number, and for a whole one that does not fit into 64 bits."""
    if isinstance(number, int):  # of any size: it may be beyond the largest float as well
        if abs(number) > LARGEST:
            raise UserError(f"{setting}={printable(number)} must fit into 64 bits: at most {LARGEST}")
    elif math.isnan(number) or (math.isinf(number) and not may_be_infinite):
        raise UserError(f"{setting}={number} must be a finite number")
