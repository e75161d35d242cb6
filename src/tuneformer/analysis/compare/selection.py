"""Each method at its best setting: chosen on validation, reported from seeds that had no part in choosing."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tuneformer.analysis.compare.criterion import Criterion
from tuneformer.analysis.compare.design import Design
from tuneformer.analysis.compare.trial import Trial
from tuneformer.analysis.statistics.estimate import Estimate
from tuneformer.analysis.statistics.intervals import mean_interval
from tuneformer.runs.trial_roles import REPORT

FEWEST_FRESH = 2


@dataclass(frozen=True, kw_only=True)
class TriedSetting:
    """The runs of a method that share their tuned values, and what they were chosen by.

    `score` is the mean over the choosing seeds, in the metric's own sign; infinite if one did not come to
    its end.
    """

    values: tuple[object, ...]
    trials: tuple[Trial, ...] = field(repr=False)
    score: float

    @property
    def seeds(self) -> frozenset[int | None]:
        """The seeds that it was run with; None stands for any that are not known."""
        return frozenset(trial.seed for trial in self.trials)


@dataclass(frozen=True, kw_only=True)
class Result:
    """A method on one task at one horizon.

    Attributes:
        settings: all that were tried, the best first.
        choosing_seeds: those that the best was chosen with.
        reported: the runs at the best setting whose figures are reported, by seed.
        estimate: of the reporting metric over them.
        fresh: whether their seeds had no part in choosing.
        optimistic: whether the figure was picked from several on the same seeds.
    """

    method: str
    task: str
    horizon: float
    settings: tuple[TriedSetting, ...] = field(repr=False)
    choosing_seeds: tuple[int | None, ...]
    reported: tuple[Trial, ...] = field(repr=False)
    estimate: Estimate
    fresh: bool
    optimistic: bool

    @property
    def best(self) -> TriedSetting:
        """The setting with the best score."""
        return self.settings[0]

    @property
    def trials(self) -> list[Trial]:
        """Every run of the method here."""
        return [trial for setting in self.settings for trial in setting.trials]

    @property
    def n_pruned(self) -> int:
        """Runs that a search ended early."""
        return sum(trial.pruned for trial in self.trials)

    @property
    def n_diverged(self) -> int:
        """How many of them diverged."""
        return sum(trial.diverged for trial in self.trials)


def select(trials: Iterable[Trial], design: Design, criterion: Criterion) -> list[Result]:
    """The result of every method on every task at every horizon, the best first within each."""
    cells: dict[tuple[str, float, str], list[Trial]] = {}
    for trial in trials:
        cells.setdefault((trial.task, trial.horizon, design.method_of(trial)), []).append(trial)
    results = [
        _result(method, task, horizon, cell, design, criterion)
        for (task, horizon, method), cell in cells.items()
    ]
    return sorted(
        results,
        key=lambda r: (r.task, r.horizon, criterion.cost(r.estimate.mean), design.rank_of(r.reported[0])),
    )


def _result(
    method: str,
    task: str,
    horizon: float,
    trials: Sequence[Trial],
    design: Design,
    criterion: Criterion,
) -> Result:
    by_values: dict[tuple[object, ...], list[Trial]] = {}
    for trial in trials:
        by_values.setdefault(design.setting_of(trial), []).append(trial)
    common = _shared_seeds([*by_values.values()])
    settings = sorted(
        (_setting(values, group, common, criterion) for values, group in by_values.items()),
        key=lambda setting: (criterion.cost(setting.score), design.setting_rank(setting.values)),
    )
    settings.sort(key=_n_reporting, reverse=True)
    best = settings[0]
    choosing = common or best.seeds
    fresh = [trial for trial in best.trials if trial.seed not in choosing]
    enough = len(settings) > 1 and len(fresh) >= min(FEWEST_FRESH, len(choosing))
    if _n_reporting(best):
        fresh, enough = [trial for trial in best.trials if trial.role == REPORT], True
    reported = tuple(sorted(fresh if enough else best.trials, key=_by_seed))
    return Result(
        method=method,
        task=task,
        horizon=horizon,
        settings=tuple(settings),
        choosing_seeds=tuple(sorted(choosing, key=lambda seed: seed or 0)),
        reported=reported,
        estimate=mean_interval([criterion.reporting(trial) for trial in reported]),
        fresh=enough,
        optimistic=len(settings) > 1 and not enough,
    )


def _n_reporting(setting: TriedSetting) -> int:
    """Runs that report the setting which a question has chosen; none for any other setting or sweep."""
    return sum(trial.role == REPORT for trial in setting.trials)


def _by_seed(trial: Trial) -> int:
    return trial.seed or 0


def _shared_seeds(settings: Sequence[Sequence[Trial]]) -> frozenset[int | None]:
    """The seeds of every setting that may be the best: one that did not end is none, and seldom repeated."""
    living = [group for group in settings if all(trial.lived for trial in group)]
    return frozenset.intersection(*(frozenset(trial.seed for trial in group) for group in living or settings))


def _setting(
    values: tuple[object, ...], trials: Sequence[Trial], common: frozenset[int | None], criterion: Criterion
) -> TriedSetting:
    scored = [criterion.choosing(t) for t in trials if not common or t.seed in common or not t.lived]
    score = sum(scored) / len(scored) if scored else math.inf
    return TriedSetting(values=values, trials=tuple(trials), score=math.inf if math.isnan(score) else score)
