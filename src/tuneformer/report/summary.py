"""The answer in plain sentences."""

import math
from collections.abc import Sequence

from tuneformer.analysis.compare.budget import unequal_budgets
from tuneformer.analysis.compare.comparison import Comparison, TaskComparison
from tuneformer.analysis.compare.design import shown
from tuneformer.analysis.compare.pairs import MethodDifference
from tuneformer.analysis.compare.scaling import Scaling
from tuneformer.analysis.compare.selection import Result
from tuneformer.analysis.compare.verdict import EXACT, Verdict, verdict
from tuneformer.analysis.statistics.power_law import SpeedUp
from tuneformer.report import wording

MOST_METHODS = 6


def summary(comparison: Comparison) -> list[str]:
    """A few sentences for each data set: who leads, by how much, how sure that is, and on what it rests.

    Only figures from the ends of runs are told: nothing that was read in the middle of a schedule.
    """
    lines = []
    for place in comparison.main:
        where = f"On {comparison.names[place.task]}: " if len(comparison.main) > 1 else ""
        lines += [f"{where}{line}" for line in _place_lines(comparison, place)]
    return lines


def _place_lines(comparison: Comparison, place: TaskComparison) -> list[str]:
    best = place.results[0]
    if not math.isfinite(best.estimate.mean):
        return ["Every method diverged at its best setting: there is nothing to compare"]
    lines = [_leader(comparison, place, best)]
    scaling = next((s for s in comparison.scalings if s.task == place.task), None)
    if scaling is not None:
        lines += _savings(comparison, scaling)
    lines += _differences(comparison, place)
    lines.append(_certainty(place))
    if len(place.results) > 1 and not unequal_budgets(comparison.spent):
        lines.append("Every method had the same number of settings and of steps.")
    return [line for line in lines if line]


def _leader(comparison: Comparison, place: TaskComparison, best: Result) -> str:
    setting = comparison.design.describe(best.best.values)
    at = f" at {setting}" if setting else ""
    interval = f" (95 % interval {wording.span(best.estimate)})" if best.estimate.n > 1 else ""
    optimistic = ", an optimistic figure: it was chosen on the same seeds" if best.optimistic else ""
    many = f" of {len(place.results)} methods" if len(place.results) > 1 else ""
    verb = "ends lowest" if comparison.criterion.lower_is_better else "ends highest"
    if not many:
        verb = "ends"
    level = [r.method for r in place.results[1:] if r.estimate.mean == best.estimate.mean]
    if level:
        verb = f"{verb}, level with {', '.join(level[:MOST_METHODS])}," if many else verb
    return (
        f"{best.method} {verb}{many} after {shown(place.horizon)} {comparison.read.unit}, with"
        f" {_article(comparison.criterion.report)} of {wording.value(best.estimate.mean)}{interval},"
        f" {_runs(comparison, best.estimate.n)}{at}{optimistic}."
    )


def _savings(comparison: Comparison, scaling: Scaling) -> list[str]:
    told = []
    for method, found in scaling.speed_ups.items():
        if method == scaling.baseline:
            continue
        last = found[-1]
        if math.isinf(last.ratio):
            told.append(f"{method} ends below all that the fit says {scaling.baseline} can reach")
        elif last.ratio > 0:
            told.append(f"{method} {_share(last)}")
    if not told:
        return []
    more = f"; and {len(told) - MOST_METHODS} more below" if len(told) > MOST_METHODS else ""
    return [
        f"For the same loss as {scaling.baseline}, by a fit to all its lengths, "
        f"{'; '.join(told[:MOST_METHODS])}{more}."
    ]


def _share(found: SpeedUp) -> str:
    at = f"at {shown(found.at)}"
    if not math.isfinite(found.low):
        return f"needs {wording.percent(1 / found.ratio)} of the length {at} (no interval)"
    low, high = 1 / found.high, 1 / found.low if found.low > 0 else math.inf
    ends = f"{100 * low:.0f}-{100 * high:.0f} %" if math.isfinite(high) else f"{100 * low:.0f} % and up"
    beyond = ", extrapolated" if found.extrapolated else ""
    return f"needs {wording.percent(1 / found.ratio)} of the length {at} ({ends}{beyond})"


def _differences(comparison: Comparison, place: TaskComparison) -> list[str]:
    baseline = comparison.baseline
    found = verdict(place.pairs)
    told = []
    for result in place.results:
        pair = _pair(place, result.method, baseline)
        if pair is None:
            continue
        if not math.isfinite(pair.difference.mean):
            told.append(f"{result.method}: {pair.note}")
            continue
        turn = 1 if pair.first == result.method else -1
        gap, ends = (
            turn * pair.difference.mean,
            sorted((turn * pair.difference.low, turn * pair.difference.high)),
        )
        interval = (
            "no interval"
            if math.isnan(ends[0])
            else f"{wording.signed(ends[0])} to {wording.signed(ends[1])}"
        )
        tested = _p_values(pair, found.test) if found else ""
        told.append(f"{result.method} {wording.signed(gap)} ({interval}{tested})")
    if not told:
        return []
    more = f"; and {len(told) - MOST_METHODS} more below" if len(told) > MOST_METHODS else ""
    unit = _unit(comparison)
    return [
        f"Against {baseline}, in {comparison.criterion.report}{f' ({unit})' if unit else ''}:"
        f" {'; '.join(told[:MOST_METHODS])}{more}."
    ]


def _p_values(pair: MethodDifference, test: str) -> str:
    p = pair.p_holm if test == EXACT else pair.p_t_holm
    return "" if math.isnan(p) else f", p = {wording.p_value(p)} after Holm"


def _certainty(place: TaskComparison) -> str:
    found = verdict(place.pairs)
    if found is None:
        return ""
    if not any(math.isfinite(pair.difference.low) for pair in place.pairs):
        return "With one seed there is no interval: how sure this is cannot be told."
    told = f"{_impossible(found)} {_count(found) or _intervals(place)} {_needed(place)}"
    return " ".join(told.split())


def _impossible(found: Verdict) -> str:
    if not found.exact_is_impossible:
        return ""
    return (
        f"With {_seeds(found.seeds)} no difference between {_pairs(found.n_pairs)} could be significant in"
        f" the exact sign-flip test: at least {found.fewest} seeds are needed."
    )


def _count(found: Verdict) -> str:
    if not found.test:
        return ""
    normal = "" if found.test == EXACT else ", which takes the differences as normal"
    untested = found.n_pairs - found.n_tested
    more = f"; {_pairs(untested)} cannot be tested" if untested else ""
    return (
        f"{found.n_differing} of {found.n_tested} pairs of methods differ at the 5 % level, corrected for all"
        f" pairs ({found.test}{normal}{more})."
    )


def _intervals(place: TaskComparison) -> str:
    excluding = sum(pair.difference.excludes_zero for pair in place.pairs)
    known = sum(math.isfinite(pair.difference.low) for pair in place.pairs)
    return f"{excluding} of {known} intervals exclude 0, each at 95 % by itself."


def _needed(place: TaskComparison) -> str:
    needed = [pair.needed for pair in place.pairs if pair.needed is not None]
    if not needed:
        return ""
    return (
        f"Differences like those seen would take {_range(needed)} seeds to be shown by the exact test,"
        " corrected for all pairs."
    )


def _pair(place: TaskComparison, method: str, baseline: str) -> MethodDifference | None:
    return next((pair for pair in place.pairs if {pair.first, pair.second} == {method, baseline}), None)


def _unit(comparison: Comparison) -> str:
    """Of what is measured, where it is known: the loss of a run that has a perplexity is one of tokens."""
    split, _, name = comparison.criterion.report.rpartition("/")
    if name == "bits_per_byte":
        return "bits per byte"
    of_tokens = f"{split}/perplexity" in comparison.read.metric_names
    return "nats per token" if name == "loss" and of_tokens else ""


def _article(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeio' else 'a'} {name}"


def _runs(comparison: Comparison, n: int) -> str:
    """How many runs there are: seeds, where they are known."""
    if comparison.design.seeds:
        return _seeds(n)
    return "1 run" if n == 1 else f"{n} runs"


def _seeds(n: int) -> str:
    return "1 seed" if n == 1 else f"{n} seeds"


def _pairs(n: int) -> str:
    return "1 pair" if n == 1 else f"{n} pairs"


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"
