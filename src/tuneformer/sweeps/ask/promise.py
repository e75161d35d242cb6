"""What a budget can be expected to find, said before it is spent."""

import math

from tuneformer.analysis.statistics.sequential import FIRST_LOOK
from tuneformer.sweeps.ask.budget import RUNS, SECONDS, Budget, split
from tuneformer.sweeps.ask.inquiry import Question, smallest_difference


def promise(question: Question, budget: Budget, *, first: Budget, metric: str) -> list[str]:
    """What is run, and the spread over seeds up to which the difference asked about is found.

    A budget of time is split once the first runs have told how long one takes.
    """
    methods, n_entries = question.methods, len(question.entries)
    asked = f"{len(methods)} methods" if len(methods) > 1 else "1 method"
    if n_entries > len(methods):
        asked += f" at {n_entries // len(methods)} lengths"
    if first.unit == SECONDS:
        return [f"ask: {asked}, {budget}: the first two runs of each tell how many that buys"]
    by_runs = first.unit == RUNS
    costs = {e.name: e.cost_in_runs if by_runs else float(e.steps) for e in question.entries}
    plan = split(first, costs, entries=methods, baseline=question.baseline)
    n_seeds = int((plan.report + budget.amount - first.amount) / sum(costs.values()) + 1e-9)
    n_trials = min(plan.trials.values())
    check = f"up to {plan.check} runs check the setting of {question.baseline}, " if plan.check else ""
    lines = [
        f"ask: {asked}, {budget}: {check}{n_trials} trials tune each, and up to {n_seeds} fresh seeds report"
        " each, fewer where it is decided before"
    ]
    if len(methods) > 1 and n_seeds >= FIRST_LOOK:
        lines += [_power(question, n_seeds, metric)]
    return lines


def _power(question: Question, n_seeds: int, metric: str) -> str:
    """The largest spread at which so many seeds show the difference, and what twice that would take."""
    fields = len({entry.field for entry in question.entries})
    pairs = fields * math.comb(len(question.methods), 2)
    of_unit = smallest_difference(n_seeds, 1.0, pairs=pairs)
    largest = question.detect / of_unit
    more = n_seeds
    while smallest_difference(more, 2.0, pairs=pairs) > of_unit:
        more += max(1, more // 20)
    return (
        f"ask: a difference of {question.detect:g} in {metric} is found with a chance of 80 % where the"
        f" deviation over seeds is at most {largest:.2g}; at {2 * largest:.2g} that takes {more} seeds each"
    )
