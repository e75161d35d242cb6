"""Simulated methods whose truth is known: what a trial would come to, without training."""

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tuneformer.sweeps.ask.budget import Budget
from tuneformer.sweeps.ask.inquiry import Contestant, Findings, Question, inquire
from tuneformer.sweeps.ask.trials import AskedTrial, Found, Phase, TrialResult
from tuneformer.sweeps.ask.tuning_space import TuningSpace
from tuneformer.sweeps.search.space import SearchRange

RATE = "optimizer.lr"
SPACE = TuningSpace(
    space={
        RATE: SearchRange(low=5e-4, high=3.2e-2, log=True),
        "optimizer.weight_decay": SearchRange(low=1e-2, high=1.0, log=True),
    },
    limits={RATE: (0.0, math.inf), "optimizer.weight_decay": (0.0, math.inf)},
)


@dataclass(frozen=True, kw_only=True)
class Basin:
    """floor + curvature (log2 rate - log2 best)^2 + a small part of decay; infinite beyond `diverges_at`."""

    floor: float
    best: float = 4e-3
    curvature: float = 0.02
    diverges_at: float = math.inf


@dataclass
class World:
    """Basins by method; each seed moves all methods by a common amount, and each by one of its own."""

    basins: Mapping[str, Basin]
    noise: float = 0.01
    common: float = 0.02
    world: int = 0
    changes: Mapping[str, float] = field(default_factory=dict)
    """Variant -> what it adds to the loss."""
    seconds_diverging: float = 0.5
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Of a run, by method, where they are not 10."""
    known: dict[AskedTrial, TrialResult] = field(default_factory=dict)

    def result(self, trial: AskedTrial) -> TrialResult:
        if trial not in self.known:
            basin, values = self.basins[trial.method.partition("@")[0]], dict(trial.values)
            rate, decay = float(values.pop(RATE, 4e-3)), float(values.pop("optimizer.weight_decay", 0.1))
            loss = basin.floor + basin.curvature * math.log2(rate / basin.best) ** 2
            loss += 0.002 * math.log10(decay / 0.1) ** 2
            loss += sum(self.changes.get(f"{path}={value}", 0.0) for path, value in values.items())
            draw = np.random.default_rng([self.world, trial.seed]).normal(size=2)
            run = zlib.crc32(repr((trial.method, trial.values)).encode())
            own = np.random.default_rng([self.world, trial.seed, run])
            noise = own.normal(size=2)
            diverged = rate > basin.diverges_at
            chosen, reported = (
                math.inf if diverged else loss + self.common * a + self.noise * b
                for a, b in zip(draw, noise, strict=True)
            )
            seconds = self.seconds_diverging if diverged else self.seconds.get(trial.method, 10.0)
            self.known[trial] = TrialResult(chosen_by=chosen, reported=reported, seconds=seconds)
        return self.known[trial]

    def ask(self, question: Question, first: Budget, budget: Budget | None = None) -> Findings:
        """The findings of a question asked in this world."""
        known: dict[AskedTrial, TrialResult] = {}
        phase = inquire(question, first=first, budget=budget or first, known=known)
        found, _ = run_phase(phase, self.result, known)
        return found

    def run(self, phase: Phase[Found]) -> tuple[Found, list[list[AskedTrial]]]:
        """What a phase finds, and the lists of trials that it asks for."""
        return run_phase(phase, self.result)


def run_phase(
    phase: Phase[Found],
    result: Callable[[AskedTrial], TrialResult],
    known: dict[AskedTrial, TrialResult] | None = None,
) -> tuple[Found, list[list[AskedTrial]]]:
    """What a phase finds where trials come to `result`, and the lists of trials that it asks for."""
    lists: list[list[AskedTrial]] = []
    results = {} if known is None else known
    try:
        asked = next(phase)
        while True:
            lists.append([*asked])
            results.update({trial: result(trial) for trial in asked})
            asked = phase.send(results)
    except StopIteration as end:
        return end.value, lists


def question(methods: Sequence[str], *, detect: float = 0.02, **given: object) -> Question:
    """Methods at one horizon, tuned in the same space."""
    settings = {"baseline": None, "variants": (), "rate": RATE, "seed": 0, "points_seed": 0} | given
    entries = tuple(
        Contestant(name=name, method=name, field="", space=SPACE, cost_in_runs=1.0, steps=300)
        for name in methods
    )
    return Question(contestants=entries, detect=detect, **settings)  # pyright: ignore[reportArgumentType]
