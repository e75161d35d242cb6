"""Tune each method on validation, then run its best rate on fresh seeds: the order of a fair comparison."""

import math
from dataclasses import dataclass, field

from studies.tuned_method import TunedMethod

TUNING_SEED = 0
FRESH_SEEDS = (1, 2, 3)
LARGEST_EXTENSION = 4


@dataclass(frozen=True)
class TuningRun:
    """One run of a method: at a rate, with a seed."""

    option: str
    rate: float
    seed: int


@dataclass
class Tuning:
    """Where the search for a method's best rate stands.

    One run a rate with the tuning seed. While the best rate lies on the edge of the grid, the next rate
    on that side (twice or half) is tried, up to LARGEST_EXTENSION times. Then the best rate runs with
    the fresh seeds, which had no part in choosing it.
    """

    method: TunedMethod
    losses: dict[tuple[float, int], float] = field(default_factory=dict)
    extended: int = 0

    def next_jobs(self) -> list[TuningRun]:
        """What to run next, once all jobs so far are in `losses`; none when the method is done."""
        missing = [rate for rate in self.method.rates if (rate, TUNING_SEED) not in self.losses]
        if missing:
            return [TuningRun(self.method.option, rate, TUNING_SEED) for rate in missing]
        beyond = self._rate_beyond_the_edge()
        if beyond is not None:
            self.extended += 1
            return [TuningRun(self.method.option, beyond, TUNING_SEED)]
        best = self.best_rate
        fresh = [seed for seed in FRESH_SEEDS if (best, seed) not in self.losses]
        if math.isinf(self.tuned_loss(best)):
            return []
        return [TuningRun(self.method.option, best, seed) for seed in fresh]

    @property
    def rates(self) -> list[float]:
        """All rates tried, from the lowest."""
        return sorted(rate for rate, seed in self.losses if seed == TUNING_SEED)

    @property
    def best_rate(self) -> float:
        """The rate with the lowest validation loss of the tuning seed."""
        return min(self.rates, key=self.tuned_loss)

    @property
    def best_is_on_edge(self) -> bool:
        """Whether a better rate may lie outside the grid."""
        return self.best_rate in (self.rates[0], self.rates[-1])

    def tuned_loss(self, rate: float) -> float:
        """Validation loss at a rate with the tuning seed; infinity if it diverged."""
        return self.losses[rate, TUNING_SEED]

    def _rate_beyond_the_edge(self) -> float | None:
        if not self.best_is_on_edge or self.extended == LARGEST_EXTENSION:
            return None
        return self.best_rate * (2.0 if self.best_rate == self.rates[-1] else 0.5)


def overrides_of(job: TuningRun, method: TunedMethod, experiment: str) -> list[str]:
    """The run of a job, as train.py takes it."""
    return [
        f"experiment={experiment}",
        f"{method.group}={job.option}",
        f"optimizer.lr={job.rate:g}",
        f"seed={job.seed}",
        *method.overrides,
    ]
