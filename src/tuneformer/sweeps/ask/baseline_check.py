"""Is the setting fair to the baseline? What often holds a method back is changed, one thing at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from tuneformer.runs.trial_roles import CHECK
from tuneformer.sweeps.ask.trials import AskedTrial, Phase, Point, Results
from tuneformer.sweeps.ask.tuning_space import TuningSpace

RATES = (0.2, 0.4, 0.6, 0.8)  # places in the range of the rate
FRESH_SEEDS = 2
CANDIDATES = 2
FEWEST_VARIANTS = 2
FEWEST = len(RATES) + 2 * FEWEST_VARIANTS + FRESH_SEEDS * (1 + CANDIDATES)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One thing changed: what it is called, and the values that it is."""

    name: str
    values: Point


@dataclass(frozen=True, kw_only=True)
class BaselineCheck:
    """What the check found.

    Attributes:
        tried: the variants that there was budget for.
        gains: by variant, how much lower the metric is with it: the mean over fresh seeds, each of which
            shows more than the difference that is asked about; infinite where the baseline diverges without.
        n_trials: runs that it took.
    """

    tried: tuple[str, ...]
    gains: dict[str, float]
    n_trials: int


NOT_CHECKED = BaselineCheck(tried=(), gains={}, n_trials=0)


def check_baseline(
    method: str,
    space: TuningSpace,
    variants: Sequence[Variant],
    *,
    rate: str | None,
    detect: float,
    n_at_most: int,
    seed: int,
) -> Phase[BaselineCheck]:
    """Try each variant on the baseline method at the best of four rates and at the next higher one.

    A variant whose better run gains more than `detect` over the baseline's is run again with two fresh seeds,
    as the baseline is. It is reported if it gains more than `detect` with each of them: of a variant without
    effect whose paired differences have the deviation `detect`, that is so in 2.5 % of all cases.

    Args:
        method: the baseline's name.
        space: where it is tuned; what is tuned needs no check.
        variants: the likeliest first; those beyond the budget are left out.
        rate: the setting that is the learning rate; None where it is not tuned: then nothing but the given
            one is run.
        detect: the difference that the question is about.
        n_at_most: runs that the check may take.
        seed: of the first runs; the fresh ones follow it.
    """
    rates: list[Point] = [((rate, space.at(rate, u)),) for u in RATES] if rate is not None else [()]
    n_variants = (n_at_most - len(rates) - FRESH_SEEDS * (1 + CANDIDATES)) // min(2, len(rates))
    variants = variants[: max(0, n_variants)]
    if not variants:
        return NOT_CHECKED
    plain = [_trial(method, at, seed) for at in rates]
    results = yield plain
    best = min(range(len(rates)), key=lambda index: results[plain[index]].chosen_by)
    beside = rates[best : best + 2]
    changed = {each.name: [_trial(method, (*at, *each.values), seed) for at in beside] for each in variants}
    results = yield [trial for trials in changed.values() for trial in trials]
    lowest = results[plain[best]].chosen_by
    leading = {
        name: min(trials, key=lambda trial: results[trial].chosen_by) for name, trials in changed.items()
    }
    candidates = sorted(
        (name for name, trial in leading.items() if lowest - results[trial].chosen_by > detect),
        key=lambda name: results[leading[name]].chosen_by,
    )[:CANDIDATES]
    gains: dict[str, float] = {}
    again: list[AskedTrial] = []
    if candidates:
        seeds = range(seed + 1, seed + 1 + FRESH_SEEDS)
        runs = {name: [_trial(method, leading[name].values, each) for each in seeds] for name in candidates}
        base = [_trial(method, plain[best].values, each) for each in seeds]
        again = [*base, *(trial for trials in runs.values() for trial in trials)]
        results = yield again
        found = {name: _gains(base, trials, results) for name, trials in runs.items()}
        gains = {name: fmean(each) for name, each in found.items() if min(each) > detect}
    n_trials = len(plain) + sum(map(len, changed.values())) + len(again)
    return BaselineCheck(tried=tuple(changed), gains=gains, n_trials=n_trials)


def _trial(method: str, values: Point, seed: int) -> AskedTrial:
    return AskedTrial(method=method, values=values, seed=seed, role=CHECK)


def _gains(base: Sequence[AskedTrial], changed: Sequence[AskedTrial], results: Results) -> list[float]:
    return [results[a].chosen_by - results[b].chosen_by for a, b in zip(base, changed, strict=True)]
