"""What a question runs: trials, what they come to, and how their lists are asked for.

A phase is a generator: it yields a list of trials, is sent the results of all trials so far, and returns what
it found. Given the same results it asks for the same trials, so that a question which was stopped goes on by
being asked again from its beginning.
"""

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tuneformer.sweeps.search.space import Value

Point = tuple[tuple[str, Value], ...]
"""Values by dotted setting, in a fixed order."""


@dataclass(frozen=True, kw_only=True)
class AskedTrial:
    """One run of a method: the values it is given beside its own, its seed, and what it is for."""

    method: str
    values: Point
    seed: int
    role: str


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """What a trial came to: lower is better, infinite where it diverged.

    Attributes:
        chosen_by: the metric on validation.
        reported: the metric on test.
        seconds: of the whole run.
    """

    chosen_by: float
    reported: float
    seconds: float

    @property
    def whole(self) -> bool:
        """Whether it came to its end."""
        return math.isfinite(self.chosen_by)


Results = Mapping[AskedTrial, TrialResult]
Found = TypeVar("Found")
Phase = Generator[Sequence[AskedTrial], Results, Found]


def together(phases: Sequence[Phase[Found]]) -> Phase[list[Found]]:
    """All phases in lockstep: each list is that of all of them which have not ended."""
    found: dict[int, Found] = {}
    lists: dict[int, Sequence[AskedTrial]] = {}
    results: Results | None = None
    while len(found) < len(phases):
        for index, phase in enumerate(phases):
            if index in found:
                continue
            try:
                lists[index] = next(phase) if results is None else phase.send(results)
            except StopIteration as end:
                found[index] = end.value
                lists.pop(index, None)
        if lists:
            results = yield [trial for each in lists.values() for trial in each]
    return [found[index] for index in range(len(phases))]
