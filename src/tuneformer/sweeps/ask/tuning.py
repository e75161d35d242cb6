"""How a method is tuned: the same number of trials for each, whatever its space."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from tuneformer.runs.trial_roles import CONFIRM, EXPLORE, REFINE
from tuneformer.sweeps.ask.trials import AskedTrial, Phase, Point, Results
from tuneformer.sweeps.ask.tuning_space import SettingSource

FEWEST = 3
REFINED, CONFIRMED = 0.25, 0.2
"""Shares of a method's trials around its best point, and on further seeds."""
WIDTHS = (0.5, 0.25, 0.15)
"""How wide the boxes around the best point are, in parts of the ranges, from round to round."""


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """A method at its best setting.

    Attributes:
        best: its values.
        score: the mean metric on validation over the seeds that it was tried with.
        explored: the metric on validation of the points drawn over the whole space, in their order.
        on_edge: settings whose best value lies at an end of the range searched, or beyond it.
        n_trials, n_diverged: trials of tuning, and those of them that diverged.
        spread: the deviation over seeds of one setting, pooled; NaN where none was repeated.
    """

    method: str
    best: Point
    score: float
    explored: tuple[float, ...]
    on_edge: tuple[str, ...]
    n_trials: int
    n_diverged: int
    spread: float


def tune(method: str, space: SettingSource, n: int, *, seed: int, points_seed: int) -> Phase[Tuned]:
    """Tune a method with `n` trials: drawn over the whole space, around the best, and on further seeds.

    1. Points of Halton's sequence with the seed `points_seed`: independent of what they come to, so that the
    best of
       the first k of them is an honest estimate of what k trials find.
    2. Rounds of points in smaller and smaller boxes around the best so far. A box may reach beyond the range:
       where the best lies at an end, its range is widened, at no trial more than other methods have.
    3. Successive halving over seeds: the best settings again with the next seed, the better half of them with
       the one after that. The best mean of those with the most seeds is chosen.
    """
    n_confirm, n_refine = int(n * CONFIRMED), int(n * REFINED)
    trials = _trials(method, space.draw(n - n_confirm - n_refine, seed=points_seed), seed, EXPLORE)
    results = yield trials
    explored = tuple(results[trial].chosen_by for trial in trials)
    for width, size, number in _rounds(n_refine):
        best = min(trials, key=lambda trial: results[trial].chosen_by)
        points = space.draw_near(best.values, size, width=width, seed=points_seed + number)
        known = {trial.values for trial in trials}
        near = _trials(method, [point for point in points if point not in known], seed, REFINE)
        trials += near
        results = yield near
    tried = {trial.values: [trial] for trial in trials}
    points = list(tried)
    for number, size in enumerate(rungs(n_confirm), start=1):
        points = sorted(points, key=lambda point: _score(tried[point], results))[:size]
        again = _trials(method, points, seed + number, CONFIRM)
        results = yield again
        for trial in again:
            tried[trial.values].append(trial)
    best = min(points, key=lambda point: _score(tried[point], results))
    every = [trial for of_point in tried.values() for trial in of_point]
    return Tuned(
        method=method,
        best=best,
        score=_score(tried[best], results),
        explored=explored,
        on_edge=tuple(space.on_edge(best)),
        n_trials=len(every),
        n_diverged=sum(math.isinf(results[trial].chosen_by) for trial in every),
        spread=pooled_spread([[results[t].chosen_by for t in of_point] for of_point in tried.values()]),
    )


def _trials(method: str, points: Sequence[Point], seed: int, role: str) -> list[AskedTrial]:
    return [AskedTrial(method=method, values=point, seed=seed, role=role) for point in dict.fromkeys(points)]


def _score(trials: Sequence[AskedTrial], results: Results) -> float:
    return fmean(results[trial].chosen_by for trial in trials)


def _rounds(n: int) -> list[tuple[float, int, int]]:
    """Width, points and number of each round of `n` points together."""
    if n < 1:
        return []
    of = min(len(WIDTHS), max(1, n // 2))
    sizes = [n // of + (index < n % of) for index in range(of)]
    return [(width, size, number) for number, (width, size) in enumerate(zip(WIDTHS, sizes, strict=False), 1)]


def rungs(n: int) -> list[int]:
    """How many settings go on to each further seed: halved from rung to rung, two at least, `n` together.

    What is left over goes into the first rung. One trial alone makes no comparison, and is not run.
    """
    if n < 2:
        return []
    sizes = _halved(max(size for size in range(2, n + 1) if sum(_halved(size)) <= n))
    return [sizes[0] + n - sum(sizes), *sizes[1:]]


def _halved(size: int) -> list[int]:
    return [size >> rung for rung in range(size.bit_length()) if size >> rung >= 2]


def pooled_spread(repeated: Sequence[Sequence[float]]) -> float:
    """The deviation over seeds, pooled over settings: sqrt(sum (n_i - 1) s_i^2 / sum (n_i - 1)).

    NaN where no setting was repeated.
    """
    groups = [np.asarray(values) for values in repeated if len(values) > 1 and np.isfinite(values).all()]
    freedom = sum(len(values) - 1 for values in groups)
    squares = sum(float(((values - values.mean()) ** 2).sum()) for values in groups)
    return math.sqrt(squares / freedom) if freedom else math.nan
