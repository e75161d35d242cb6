"""What stands against the answer of a comparison: a line each."""

import math
import re
import shlex
from collections import Counter
from collections.abc import Sequence

from tuneformer.analysis.compare.budget import Spent, unequal_budgets
from tuneformer.analysis.compare.criterion import Criterion
from tuneformer.analysis.compare.design import Design, shown
from tuneformer.analysis.compare.selection import Result
from tuneformer.analysis.compare.trial import GRID, Trials
from tuneformer.analysis.compare.tuning_curves import ALL_METHODS, TuningCurve
from tuneformer.analysis.compare.unfair_signs import unfair_signs
from tuneformer.process.invocation import command_for

FEW_SEEDS = 3
FEW_VALUES = 3
SHOWN_NAMES = 5
QUOTED = re.compile(r'(?<=^sweep=)"([a-zA-Z][\w./-]*)"$')  # a name that needs no quotes
NOT_REPEATED = re.compile(r"[+~]*(seed=|run_dir=|preflight=|search[.=]|hydra[./])")  # for fresh seeds
FRESH_SEEDS = "fresh seeds"  # what a line with a command begins with
MUST_AGREE = ("commit", "torch", "device", "devices", "threads", "precision")


def caveats(
    read: Trials,
    design: Design,
    results: Sequence[Result],
    curves: Sequence[TuningCurve],
    spent: Sequence[Spent],
    criterion: Criterion,
    *,
    tolerance: float,
) -> list[str]:
    """Edges, signs of an unfair setting, budgets, seeds, divergence, what was left out and what differed."""
    return [
        *_edges(curves, spent),
        *[
            f"unfair to {_names(methods)}? {sign}"
            for methods, sign in unfair_signs(results, curves, spent, design, criterion, tolerance=tolerance)
        ],
        *unequal_budgets(spent),
        *_optimistic(results),
        *_fresh_seeds(results, design.seeds),
        *_picked(design, results),
        *_without_spread(results),
        *_few_seeds(results),
        *_diverged(spent),
        *_pruned(spent),
        *_stopped(spent),
        *_left_out(read),
        *_lost_rows(read),
        *_confounded(design),
        *_mixed(read),
        *read.notes,
    ]


def _edges(curves: Sequence[TuningCurve], spent: Sequence[Spent]) -> list[str]:
    listed = {each.method for each in spent if each.samplers == (GRID,)}
    if len(listed) == len(spent):
        listed.add(ALL_METHODS)
    lines = {}
    for curve in curves:
        if curve.method not in listed:  # the outermost of some draws is no edge
            continue
        if curve.basin is None or not curve.edge or math.isfinite(curve.unnamed):
            continue
        what = f"the best {curve.key} is" if curve.method == ALL_METHODS else f"{curve.method} is best at"
        key = "" if curve.method == ALL_METHODS else f" {curve.key}"
        line = (
            f"edge of the grid: {what} the {curve.edge}{key} tried"
            f" ({shown(curve.basin.best)}); a better one may lie beyond"
        )
        lines[line] = None
    return [*lines]


def _optimistic(results: Sequence[Result]) -> list[str]:
    methods = list(dict.fromkeys(result.method for result in results if result.optimistic))
    if not methods:
        return []
    return [
        f"optimistic: {_names(methods)} report the seeds that their setting was chosen on; run the best"
        " settings on fresh seeds"
    ]


def _fresh_seeds(results: Sequence[Result], known: Sequence[int]) -> list[str]:
    """Of each method whose jobs say what they were given the command that runs its best on fresh seeds."""
    lines = []
    for result in results:
        given = result.best.trials[0].overrides
        if not (result.optimistic and known and any(each.startswith("sweep=") for each in given)):
            continue
        n_seeds = max(FEW_SEEDS, len(result.choosing_seeds))
        seeds = ",".join(str(max(known) + 1 + i) for i in range(n_seeds))
        kept = [QUOTED.sub(r"\1", each) for each in given if not NOT_REPEATED.match(each)]
        again = f"{command_for('train')} --multirun {shlex.join([*kept, f'seed={seeds}'])}"
        lines.append(f"{FRESH_SEEDS} for {result.method}: {again}")
    return lines


def _picked(design: Design, results: Sequence[Result]) -> list[str]:
    """The best of several values of one number was picked on the seeds that it is reported from."""
    number = design.compared_number
    values = len({result.method for result in results})
    if number is None or values < FEW_VALUES:
        return []
    return [
        f"optimistic: the best {number.key} was picked from {values} values on the seeds reported, so that"
        " its own figure is too good"
    ]


def _without_spread(results: Sequence[Result]) -> list[str]:
    same = [
        result.method
        for result in results
        if result.estimate.n > 1 and result.estimate.deviation == 0 and math.isfinite(result.estimate.mean)
    ]
    if not same:
        return []
    return [
        f"no spread: all seeds of {_names(list(dict.fromkeys(same)))} end at the same value: does the seed"
        " change anything, or are they one run under several seeds?"
    ]


def _few_seeds(results: Sequence[Result]) -> list[str]:
    few = [result.method for result in results if len(result.reported) < FEW_SEEDS]
    if not few:
        return []
    return [f"few seeds: {_names(list(dict.fromkeys(few)))} rest on fewer than {FEW_SEEDS} runs"]


def _diverged(spent: Sequence[Spent]) -> list[str]:
    told = [f"{each.method} {each.diverged} of {each.runs}" for each in spent if each.diverged]
    return [f"diverged runs: {', '.join(told)}"] if told else []


def _pruned(spent: Sequence[Spent]) -> list[str]:
    told = [f"{each.method} {each.pruned} of {each.runs}" for each in spent if each.pruned]
    if not told:
        return []
    return [
        f"pruned runs: {', '.join(told)}; the search ended them early: they count in what was spent,"
        " and their methods have no learning-rate sensitivity and no best-of-k curve"
    ]


def _stopped(spent: Sequence[Spent]) -> list[str]:
    told = [f"{each.method} {each.stopped} of {each.runs}" for each in spent if each.stopped]
    return [
        f"stopped before their horizon: {', '.join(told)}; their figures are those of shorter runs"
    ] * bool(told)


def _left_out(read: Trials) -> list[str]:
    if not read.left_out:
        return []
    by_reason = Counter(each.reason for each in read.left_out)
    reasons = ", ".join(f"{number} {reason}" for reason, number in by_reason.most_common())
    names = _names(
        [f"{each.source} (for {each.instead})" if each.instead else each.source for each in read.left_out]
    )
    return [f"left out, {len(read.left_out)} runs ({reasons}): {names}"]


def _lost_rows(read: Trials) -> list[str]:
    if not read.with_lost_rows:
        return []
    return [f"rows lost, so that curves have gaps: {_names(read.with_lost_rows)}"]


def _confounded(design: Design) -> list[str]:
    return [
        f"{dimension.key} differs between methods ({', '.join(shown(v) for v in dimension.values)}) and"
        " within none: its effect cannot be told from theirs"
        for dimension in design.beside
    ]


def _mixed(read: Trials) -> list[str]:
    return [
        f"the runs differ in {name}: {', '.join(read.provenance[name])}"
        for name in MUST_AGREE
        if len(read.provenance.get(name, ())) > 1
    ]


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return f"{', '.join(names[:SHOWN_NAMES])}{more}"
