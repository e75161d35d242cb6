"""What each method's figure rests on: trials, steps and seconds spent."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tuneformer.analysis.compare.selection import Result
from tuneformer.runs.record import SHOWN, TOTAL

ALLOWED_DIFFERENCE = 1.1  # a budget larger by more than a tenth is another budget


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What one method took over all its runs, and what a run of it takes.

    `settings` counts each once, whatever the lengths and data sets. `numbers`: of each field in
    `runs.record.SHOWN` the sum over all runs or the median over the reported ones; NaN where a record does
    not say it.
    """

    method: str
    settings: int
    runs: int
    diverged: int
    pruned: int
    stopped: int
    samplers: tuple[str, ...]
    numbers: Mapping[str, float]


def ledger(results: Sequence[Result]) -> list[Spent]:
    """One line a method, over all tasks and horizons, in the order of the results."""
    by_method: dict[str, list[Result]] = {}
    for result in results:
        by_method.setdefault(result.method, []).append(result)
    return [_spent(method, mine) for method, mine in by_method.items()]


def unequal_budgets(spent: Sequence[Spent]) -> list[str]:
    """A line for each budget that differs by more than a tenth between methods."""
    lines = []
    for what, amounts in (
        ("settings tried", {each.method: float(each.settings) for each in spent}),
        ("steps spent", {each.method: each.numbers["steps"] for each in spent}),
    ):
        known = {method: amount for method, amount in amounts.items() if math.isfinite(amount)}
        if len(known) < 2:
            continue
        least, most = min(known, key=lambda m: known[m]), max(known, key=lambda m: known[m])
        if known[most] > ALLOWED_DIFFERENCE * known[least]:
            lines.append(f"unequal budgets, {what}: {most} {known[most]:,.0f}, {least} {known[least]:,.0f}")
    return lines


def _spent(method: str, results: Sequence[Result]) -> Spent:
    trials = [trial for result in results for trial in result.trials]
    reported = [trial for result in results for trial in result.reported if trial.lived]
    return Spent(
        method=method,
        settings=len({setting.values for result in results for setting in result.settings}),
        runs=len(trials),
        diverged=sum(trial.diverged for trial in trials),
        pruned=sum(trial.pruned for trial in trials),
        stopped=sum(trial.stopped for trial in trials),
        samplers=tuple(sorted({trial.sampler for trial in trials})),
        numbers={
            name: _total([trial.number(name) for trial in trials])
            if shown.over == TOTAL
            else _median([trial.number(name) for trial in reported])
            for name, shown in SHOWN.items()
        },
    )


def _total(values: Sequence[float]) -> float:
    """The sum; NaN where one is not known, since what is missing from a sum does not show."""
    return float(np.sum(values)) if len(values) else math.nan


def _median(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return float(np.median(known)) if known else math.nan
