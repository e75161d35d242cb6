"""Intervals of allowed numbers, and the one-line error for a setting outside its own."""

import math
from dataclasses import dataclass

from tuneformer.config.shown import printable, shown
from tuneformer.errors import UserError

Number = int | float
"""A number as YAML gives it, where 1 and 1.0 are the same setting."""

LARGEST = 2**63 - 1
LARGEST_COUNT = 10**12
"""Of steps, tokens, widths, bytes, ...: no machine holds more, and nobody waits for it."""
LARGEST_REAL = 1e38
"""The largest number of float32, which weights and rates are computed in, is 3.4e38."""
LARGEST_POWER = 30
"""That of the last step of the longest run is a number that a double holds."""


@dataclass(frozen=True, kw_only=True)
class Range:
    """An interval of the real line.

    Each end belongs to it or not; infinity does where it switches something off. `words` need not tell a high
    end that nobody comes near: whoever goes beyond is told it.
    """

    low: Number
    high: Number
    holds_low: bool
    holds_high: bool
    words: str
    far: bool = False

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
        high = f"{_end(self.high)}{']' if self.holds_high else ')'}"
        return f"{low}, {high}"

    def check(self, setting: str, value: object) -> None:
        """Raise UserError `<setting>=<value> <words>` unless the value is a number within."""
        if value not in self:
            raise UserError(f"{setting}={shown(value)} {self.words_for(value)}")

    def words_for(self, value: object) -> str:
        """What is allowed in place of `value`, which is outside."""
        beyond = isinstance(value, int | float) and value > self.high
        return f"must be at most {self.high:,}" if self.far and beyond else self.words


def _end(high: Number) -> str:
    if high == math.inf:
        return "∞"
    power = len(str(high)) - 1
    return f"10^{power}" if power > 5 and high == 10**power else str(high)


def at_least(low: Number, words: str, *, most: Number, itself: bool = True) -> Range:
    """From `low` on, as far as `most`, which nobody comes near; `itself`: whether `low` is one of them."""
    return Range(low=low, high=most, holds_low=itself, holds_high=True, words=words, far=True)


FINITE = Range(
    low=-LARGEST_REAL,
    high=LARGEST_REAL,
    holds_low=True,
    holds_high=True,
    words=f"must be a number from {-LARGEST_REAL} to {LARGEST_REAL}",
)
POSITIVE = at_least(0, "must be positive", most=LARGEST_REAL, itself=False)
NOT_NEGATIVE = at_least(0, "must be a number, 0 or greater", most=LARGEST_REAL)
POWER = at_least(0, "must be a number, 0 or greater", most=LARGEST_POWER)
ZERO_TO_ONE = Range(low=0, high=1, holds_low=True, holds_high=True, words="must be from 0 to 1")
BELOW_ONE = Range(low=0, high=1, holds_low=True, holds_high=False, words="must be at least 0 and below 1")
AT_LEAST_ZERO = at_least(0, "must be 0 or more", most=LARGEST_COUNT)
AT_LEAST_ONE = at_least(1, "must be at least 1", most=LARGEST_COUNT)
AT_LEAST_TWO = at_least(2, "must be at least 2", most=LARGEST_COUNT)
SEED = at_least(0, "must be 0 or more", most=LARGEST)
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
