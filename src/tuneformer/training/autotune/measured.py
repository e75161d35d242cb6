"""What was measured of each candidate, and which of them it speaks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tuneformer.training.autotune.candidate import Candidate

MARGIN = 0.05
"""Of the default's time: what a candidate must at least save, or the default stays."""
COMPILES_FROM_SECONDS = 120.0
"""Of training: a compilation takes tens of seconds, which a shorter run cannot win back."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A candidate, milliseconds of its step (None: not measured), and why it cannot be chosen, if it cannot.

    Attributes:
        first_step_s: seconds of its first step, which holds the compilation.
        deviation: largest |loss - loss of the default| / loss of the default over the measured steps.
    """

    candidate: Candidate
    milliseconds: float | None
    first_step_s: float
    deviation: float | None
    refused: str | None = None

    def seconds(self, steps: int) -> float:
        """What a run of so many steps would take."""
        assert self.milliseconds is not None
        return steps * self.milliseconds / 1e3 + (self.first_step_s if self.candidate.compile else 0.0)


def choose(measured: Sequence[Measured], *, steps: int) -> Measured:
    """The fastest over a run of `steps`, the default (the first) where nothing saves MARGIN of its time."""
    default = measured[0]
    allowed = [each for each in measured if each.refused is None and each.milliseconds is not None]
    best = min(allowed, key=lambda each: each.seconds(steps))
    return best if best.seconds(steps) <= (1 - MARGIN) * default.seconds(steps) else default


def as_record(measured: Measured) -> dict[str, Any]:
    """As record.json and the cache keep it."""
    values = dict(vars(measured))
    return values | {"candidate": dict(vars(measured.candidate))}


def from_record(values: dict[str, Any]) -> Measured:
    """The inverse of `as_record`."""
    candidate = Candidate(**values["candidate"])
    return Measured(
        candidate=candidate, **{key: value for key, value in values.items() if key != "candidate"}
    )
