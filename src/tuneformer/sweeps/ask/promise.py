"""What a budget can be expected to find, said before it is spent."""

import math

from tuneformer.analysis.statistics.sequential import FIRST_LOOK
from tuneformer.sweeps.ask.budget import SECONDS, Budget, Split, least_for_check, split
from tuneformer.sweeps.ask.inquiry import Question, costs_without_time, smallest_difference


def promise(question: Question, budget: Budget, *, first: Budget, metric: str) -> list[str]:
    """What is run, and the spread over seeds up to which the difference asked about is found.

    A budget of time is split once the first runs have told how long one takes: see `promise_of`.
    """
    if first.unit == SECONDS:
        return [f"ask: {_asked(question)}, {budget}: the first two runs of each tell how many that buys"]
    costs = costs_without_time(question, first)
    plan = split(first, costs, entries=question.methods, baseline=question.baseline)
    n_seeds = int((plan.report + budget.amount - first.amount) / sum(costs.values()) + 1e-9)
    lines = promise_of(question, plan, n_seeds, budget=budget, metric=metric)
    if question.baseline is not None and not plan.check:
        least = Budget(amount=least_for_check(costs[question.baseline]), unit=first.unit)
        lines.append(f"ask: too little to check the setting of {question.baseline}: {least} would do")
    return lines


def promise_of(question: Question, plan: Split, n_seeds: int, *, budget: Budget, metric: str) -> list[str]:
    """The same of a plan, with so many fresh seeds of each."""
    fewest, most = min(plan.trials.values()), max(plan.trials.values())
    n_trials = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    check = f"up to {plan.check} runs check the setting of {question.baseline}, " if plan.check else ""
    lines = [
        f"ask: {_asked(question)}, {budget}: {check}{n_trials} trials tune each, and up to {n_seeds} fresh"
        " seeds report each, fewer where it is decided before"
    ]
    if len(question.methods) > 1 and n_seeds >= FIRST_LOOK:
        lines += [_power(question, n_seeds, metric)]
    return lines


def _asked(question: Question) -> str:
    methods, n_entries = question.methods, len(question.contestants)
    asked = f"{len(methods)} methods" if len(methods) > 1 else "1 method"
    return asked + (f" at {n_entries // len(methods)} {question.places}" if n_entries > len(methods) else "")


def _power(question: Question, n_seeds: int, metric: str) -> str:
    """The largest spread at which so many seeds show the difference, and what twice that would take."""
    fields = len({entry.field for entry in question.contestants})
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
