"""Each method's best setting on fresh seeds, until every pair is decided or the budget is spent."""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev

from tuneformer.analysis.statistics.estimate import Estimate
from tuneformer.analysis.statistics.intervals import mean_interval, paired_difference
from tuneformer.analysis.statistics.sequential import (
    BETTER,
    OPEN,
    REPORTED_CONFIDENCE,
    WORSE,
    Look,
    interval_at,
    level_of,
    looks,
    verdict,
)
from tuneformer.runs.trial_roles import REPORT
from tuneformer.sweeps.ask.trials import AskedTrial, Phase, Point

BOTH_DIVERGE = "both diverge"
FRESH = 1000
"""Added to the seed: seeds from there on have no part in tuning."""


UNSTEADY = 3
"""A method's deviation over seeds over the median one from which it is told."""
SEEDS_FOR_A_DEVIATION = 5
"""With as many, one of 25 methods of equal spread lies 3 times above the median in 1 of 1,000 questions."""

Pair = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Entrant:
    """A method with its chosen setting, what a run of it costs, and the field in which it is compared."""

    method: str
    best: Point
    cost: float
    field: str


@dataclass(frozen=True, kw_only=True)
class PairVerdict:
    """What is known of `first` minus `second`, lower values being better.

    Attributes:
        difference: the mean over shared seeds with the interval to report.
        sequential: the interval that decided: it holds at all looks and pairs together; infinite before any
            look.
        word: better, worse or equivalent; open where the budget did not suffice; both diverge. A method that
            diverged with some seed is worse than one that did not.
    """

    first: str
    second: str
    difference: Estimate
    sequential: tuple[float, float]
    word: str


@dataclass(frozen=True, kw_only=True)
class Reported:
    """The values of every method by seed, in order, and every pair of a field."""

    values: dict[str, tuple[float, ...]]
    pairs: tuple[PairVerdict, ...]

    @property
    def words(self) -> dict[Pair, str]:
        """What is known of each pair."""
        return {(each.first, each.second): each.word for each in self.pairs}

    def n_diverged(self, method: str) -> int:
        """How many of the runs of a method diverged."""
        return sum(map(math.isinf, self.values.get(method, ())))

    def estimate(self, method: str) -> Estimate:
        """The mean with the interval to report."""
        return mean_interval(self.values[method], confidence=REPORTED_CONFIDENCE)


def unsteady(values: Mapping[str, Sequence[float]]) -> dict[str, tuple[float, float]]:
    """Methods whose deviation over seeds is UNSTEADY times the median of all, with the two deviations."""
    deviations = {
        name: stdev(each)
        for name, each in values.items()
        if len(each) >= SEEDS_FOR_A_DEVIATION and all(map(math.isfinite, each))
    }
    usual = median(deviations.values()) if deviations else math.inf
    return {name: (own, usual) for name, own in deviations.items() if own > UNSTEADY * usual}


def report(
    entrants: Sequence[Entrant], *, planned: int, left: Callable[[], float], margin: float, seed: int
) -> Phase[Reported]:
    """Run every entrant with fresh seeds, look by look.

    At a look every pair that is open is judged by an interval whose level accounts for all looks and all
    pairs (`analysis.statistics.sequential`). Methods of decided pairs alone get no more seeds. Where the
    budget does not suffice for all that are open, those in a pair with the leader of their field go on.

    Args:
        entrants: whose chosen setting did not diverge.
        planned: the seeds that the first budget plans for.
        left: what may still be spent, in the unit of the entrants' costs.
        margin: differences below it are as good as none.
        seed: of the question.
    """
    costs = {each.method: each.cost for each in entrants}
    points = {each.method: each.best for each in entrants}
    pairs = [(a.method, b.method) for a, b in itertools.combinations(entrants, 2) if a.field == b.field]
    words = dict.fromkeys(pairs, OPEN)
    intervals: dict[Pair, tuple[float, float]] = dict.fromkeys(pairs, (-math.inf, math.inf))
    values: dict[str, list[float]] = {each.method: [] for each in entrants}
    for look in looks(planned):
        going = _going(words, values, costs, look, left()) if pairs else _alone(values, look, planned)
        if not going:
            break
        asked = {
            method: [
                AskedTrial(method=method, values=points[method], seed=seed + FRESH + index, role=REPORT)
                for index in range(len(values[method]), look.n)
            ]
            for method in going
        }
        results = yield [trial for trials in asked.values() for trial in trials]
        for method, trials in asked.items():
            values[method] += [results[trial].reported for trial in trials]
        for pair in pairs:
            if words[pair] == OPEN and all(len(values[method]) >= look.n for method in pair):
                intervals[pair], words[pair] = _judge(values, pair, look, n_pairs=len(pairs), margin=margin)
    return Reported(
        values={method: tuple(each) for method, each in values.items()},
        pairs=tuple(
            PairVerdict(
                first=a,
                second=b,
                difference=_difference(values[a], values[b]),
                sequential=intervals[a, b],
                word=words[a, b],
            )
            for a, b in pairs
        ),
    )


def _going(
    words: Mapping[Pair, str],
    values: Mapping[str, Sequence[float]],
    costs: Mapping[str, float],
    look: Look,
    left: float,
) -> list[str]:
    """The methods that get the seeds of a look; none where all is decided or the budget is spent."""
    undecided = [pair for pair, word in words.items() if word == OPEN]
    started = any(values.values())
    leaders = _leaders(values, words) if started else set[str]()
    with_leader = [pair for pair in undecided if leaders.intersection(pair)]
    for open_pairs in (undecided, with_leader) if started else (undecided,):
        going = [method for method in values if any(method in pair for pair in open_pairs)]
        cost = sum(costs[method] * max(0, look.n - len(values[method])) for method in going)
        if going and cost <= left * (1 + 1e-9):
            return going
    return []


def _alone(values: Mapping[str, Sequence[float]], look: Look, planned: int) -> list[str]:
    """Without pairs each method has the planned seeds."""
    return list(values) if look.n <= planned else []


def _leaders(values: Mapping[str, Sequence[float]], words: Mapping[Pair, str]) -> set[str]:
    """The best of each field: fields are what pairs connect."""
    fields: list[set[str]] = []
    for pair in words:
        joined = [each for each in fields if each.intersection(pair)]
        fields = [each for each in fields if each not in joined] + [set(pair).union(*joined)]
    return {ranked([*field], values, words)[0] for field in fields}


def ranked(
    names: Sequence[str], values: Mapping[str, Sequence[float]], words: Mapping[Pair, str]
) -> list[str]:
    """Methods, the best first: by how many are better, then by the mean over the seeds that all have."""
    n = min((len(values[name]) for name in names if values.get(name)), default=0)
    lost = Counter(b if word == BETTER else a for (a, b), word in words.items() if word in (BETTER, WORSE))

    def place(name: str) -> tuple[bool, int, float, str]:
        mine = values.get(name, ())[:n]
        return not mine, lost[name], fmean(mine) if mine else math.inf, name

    return sorted(names, key=place)


def _judge(
    values: Mapping[str, Sequence[float]], pair: Pair, look: Look, *, n_pairs: int, margin: float
) -> tuple[tuple[float, float], str]:
    first, second = (values[method][: look.n] for method in pair)
    diverged = [sum(map(math.isinf, each)) for each in (first, second)]
    if any(diverged):
        word = BOTH_DIVERGE if all(diverged) else WORSE if diverged[0] else BETTER
        return (-math.inf, math.inf), word
    differences = [a - b for a, b in zip(first, second, strict=True)]
    interval = interval_at(differences, level_of(look, n_pairs=n_pairs))
    return interval, verdict(interval, margin=margin)


def _difference(mine: Sequence[float], theirs: Sequence[float]) -> Estimate:
    n = min(len(mine), len(theirs))
    return paired_difference(mine[:n], theirs[:n], confidence=REPORTED_CONFIDENCE)
