"""What may be spent on a question, and how it is split between its parts."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tuneformer.analysis.statistics.sequential import FIRST_LOOK
from tuneformer.errors import UserError
from tuneformer.sweeps.ask.baseline_check import FEWEST as FEWEST_OF_CHECK
from tuneformer.sweeps.ask.trials import Results
from tuneformer.sweeps.ask.tuning import FEWEST as FEWEST_OF_TUNING

RUNS, STEPS, SECONDS = UNITS = ("runs", "steps", "seconds")
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_FORM = re.compile(r"(\d+(?:\.\d+)?(?:e\d+)?) ?(runs?|steps?|s|min|h|d)")
EXAMPLES = "as 64runs, 200000steps, 90min or 2h"

CHECK_SHARE, REPORT_SHARE = 0.25, 0.35
"""Shares: of the check of the baseline at most, and of the report of what the check leaves."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """An amount of runs (of the longest horizon), optimizer steps, or seconds of the sweep."""

    amount: float
    unit: str

    def __str__(self) -> str:
        """As it is said."""
        if self.unit != SECONDS:
            return f"{self.amount:,.12g} {self.unit}"
        name = next(name for name, size in reversed(_SECONDS.items()) if self.amount >= size or size == 1)
        return f"{self.amount / _SECONDS[name]:.4g} {name}"


def read_budget(text: str) -> Budget:
    """The budget as it is typed.

    Raises:
        UserError: it has no unit, or is none.
    """
    found = _FORM.fullmatch(str(text).strip())
    if found is None or not math.isfinite(float(found[1])) or float(found[1]) <= 0:
        raise UserError(f"hydra.sweeper.budget={text} must be a number of runs, steps or time, {EXAMPLES}")
    amount, unit = float(found[1]), found[2]
    if unit in _SECONDS:
        return Budget(amount=amount * _SECONDS[unit], unit=SECONDS)
    return Budget(amount=amount, unit=RUNS if unit.startswith("run") else STEPS)


@dataclass(frozen=True, kw_only=True)
class Split:
    """Runs of the check at most, trials of tuning by entry, and what is left to report."""

    check: int
    trials: Mapping[str, int]
    report: float


def split(
    budget: Budget,
    costs: Mapping[str, float],
    *,
    entries: Sequence[Sequence[str]],
    baseline: str | None,
    times: int = 1,
) -> Split:
    """Divide a budget equally between methods.

    In runs and steps every entry of every method gets the same number of trials; in seconds every method the
    same time, so that one whose runs take longer gets fewer.

    Args:
        budget: in the unit of `costs`.
        costs: of one run, by entry.
        entries: of each method its entries: one, or one for each horizon.
        baseline: the entry that the check runs; None where there is none.
        times: runs that each second of the budget has.

    Raises:
        UserError: it is too small for three trials of tuning and three fresh seeds each.
    """
    total, whole = sum(costs.values()), budget.amount * times
    least = least_of(costs)
    check = int(CHECK_SHARE * whole / costs[baseline]) if baseline is not None else 0
    if check < FEWEST_OF_CHECK or whole - check * costs[baseline or ""] < least:
        check = 0
    left = whole - (check * costs[baseline] if check and baseline is not None else 0.0)
    report = max(REPORT_SHARE * left, FIRST_LOOK * total)
    trials: dict[str, int] = {}
    for method in entries:
        share = (left - report) / len(entries) if budget.unit == SECONDS else left - report
        cost = sum(costs[entry] for entry in method) if budget.unit == SECONDS else total
        trials |= dict.fromkeys(method, math.floor(share / cost + 1e-9))
    if min(trials.values()) < FEWEST_OF_TUNING:
        wanted = Budget(amount=math.ceil(least / times), unit=budget.unit)
        raise UserError(
            f"hydra.sweeper.budget: {budget} are too few for {len(entries)} methods: {wanted} buy"
            f" {FEWEST_OF_TUNING} trials of tuning and {FIRST_LOOK} fresh seeds for each"
        )
    return Split(check=check, trials=trials, report=report)


def least_of(costs: Mapping[str, float]) -> float:
    """What three trials of tuning and three fresh seeds of every entry cost."""
    return (FEWEST_OF_TUNING + FIRST_LOOK) * sum(costs.values())


def least_for_check(cost: float) -> float:
    """The budget from which the baseline's setting is checked, whose runs cost so much."""
    return math.ceil(FEWEST_OF_CHECK * cost / CHECK_SHARE)


def spent(known: Results, costs: Mapping[str, float], *, unit: str) -> float:
    """What the trials so far cost: in seconds those that they took."""
    if unit == SECONDS:
        return sum(each.seconds for each in known.values())
    return sum(costs[trial.method] for trial in known)
