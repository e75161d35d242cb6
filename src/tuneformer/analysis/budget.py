"""What each method's figure rests on: trials, steps and seconds spent."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tuneformer.analysis.selection import Result
from tuneformer.analysis.trial import Trial

ALLOWED_DIFFERENCE = 1.1  # a budget larger by more than a tenth is another budget


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What one method took over all its runs, and what a run of it takes.

    `settings` counts each once, whatever the lengths and data sets; `steps` and `seconds` are sums;
    `tokens_per_second`, `peak_bytes` and `state_bytes` are medians over the reported runs. NaN where a record
    does not say it.
    """

    method: str
    settings: int
    runs: int
    diverged: int
    pruned: int
    stopped: int
    steps: float
    seconds: float
    samplers: tuple[str, ...]
    tokens_per_second: float
    peak_bytes: float
    state_bytes: float


def ledger(results: Sequence[Result]) -> list[Spent]:
    """One line a method, over all tasks and horizons, in the order of the results."""
    by_method: dict[str, list[Result]] = {}
    for result in results:
        by_method.setdefault(result.method, []).append(result)
    return [_spent(method, mine) for method, mine in by_method.items()]


def unequal_budgets(spent: Sequence[Spent]) -> list[str]:
    """A line for each budget that differs by more than a tenth between methods."""
    lines = []
    for name in ("settings", "steps"):
        amounts = {each.method: getattr(each, name) for each in spent}
        known = {method: amount for method, amount in amounts.items() if math.isfinite(amount)}
        if len(known) < 2:
            continue
        least, most = min(known, key=lambda m: known[m]), max(known, key=lambda m: known[m])
        if known[most] > ALLOWED_DIFFERENCE * known[least]:
            what = "settings tried" if name == "settings" else "steps spent"
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
        steps=_total([trial.cost.steps for trial in trials]),
        seconds=_total([trial.cost.seconds for trial in trials]),
        samplers=tuple(sorted({trial.sampler for trial in trials})),
        tokens_per_second=_median([_throughput(trial) for trial in reported]),
        peak_bytes=_median([trial.cost.peak_bytes for trial in reported]),
        state_bytes=_median([trial.cost.state_bytes for trial in reported]),
    )


def _throughput(trial: Trial) -> float:
    return trial.cost.tokens / trial.cost.seconds if trial.cost.seconds > 0 else math.nan


def _total(values: Sequence[float]) -> float:
    """The sum; NaN where one is not known, since what is missing from a sum does not show."""
    return float(np.sum(values)) if len(values) else math.nan


def _median(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return float(np.median(known)) if known else math.nan
