"""Performance profiles: how often a method is close to the fastest, over many tasks."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WITHIN = 4.0  # the largest factor that counts in the score (AlgoPerf)


@dataclass(frozen=True, kw_only=True)
class Profile:
    """`ratios`: a method's time to the target over the best method's, by task; infinite where it missed."""

    ratios: Sequence[float]

    def share_within(self, tau: float) -> float:
        """The share of tasks on which the method is within a factor `tau` of the best."""
        return sum(ratio <= tau for ratio in self.ratios) / len(self.ratios)

    @property
    def score(self) -> float:
        """The mean of `share_within` over tau from 1 to 4: 1 for the fastest on every task (2306.07179)."""
        return sum(max(0.0, WITHIN - ratio) for ratio in self.ratios) / (WITHIN - 1) / len(self.ratios)


def performance_profiles(times: Mapping[str, Mapping[str, float]]) -> dict[str, Profile]:
    """Each method's profile from its times to the target by task (Dolan and More 2002; 2306.07179).

    A missing, infinite or NaN time is a target that was missed. A task that no method finished tells
    nothing between them, and is left out; without any other the result is empty.
    """
    tasks = sorted({task for by_task in times.values() for task in by_task})
    best = {task: min(_time(by_task, task) for by_task in times.values()) for task in tasks}
    counted = [task for task in tasks if math.isfinite(best[task])]
    if not counted:
        return {}
    return {
        method: Profile(ratios=[_ratio(_time(by_task, task), best[task]) for task in counted])
        for method, by_task in times.items()
    }


def _time(by_task: Mapping[str, float], task: str) -> float:
    time = by_task.get(task, math.inf)
    return math.inf if math.isnan(time) else time


def _ratio(time: float, best: float) -> float:
    if time == best:
        return 1.0
    return time / best if best > 0 else math.inf
