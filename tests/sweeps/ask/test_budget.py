"""What a budget is, and that it is split equally."""

import pytest

from tuneformer.errors import UserError
from tuneformer.sweeps.ask.budget import Budget, read_budget, split


@pytest.mark.parametrize(
    ("typed", "amount", "unit"),
    [
        ("64runs", 64, "runs"),
        ("1 run", 1, "runs"),
        ("200000steps", 200_000, "steps"),
        ("2e5steps", 200_000, "steps"),
        ("1.5h", 5400, "seconds"),
        ("90min", 5400, "seconds"),
        ("30s", 30, "seconds"),
        ("1d", 86400, "seconds"),
    ],
)
def test_a_budget_is_read_as_it_is_typed(typed: str, amount: float, unit: str) -> None:
    budget = read_budget(typed)
    assert (budget.amount, budget.unit) == (amount, unit)
    assert read_budget(str(budget).replace(",", "")) == budget


@pytest.mark.parametrize("typed", ["", "64", "h", "-1h", "0s", "1e999runs", "2 weeks", "nanh", "64runs2"])
def test_what_is_no_budget_is_refused(typed: str) -> None:
    with pytest.raises(UserError, match=r"^hydra.sweeper.budget="):
        read_budget(typed)


EQUAL, COSTS = {"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 3.0}
BOTH = [["a"], ["b"]]


def test_in_runs_all_get_the_same_number_and_in_seconds_the_same_time() -> None:
    runs = split(Budget(amount=64, unit="runs"), EQUAL, entries=BOTH, baseline=None)
    assert runs.trials == {"a": 20, "b": 20}
    assert sum(runs.trials.values()) + runs.report == pytest.approx(64, abs=2)
    assert sum(runs.trials.values()) + int(runs.report) <= 64
    seconds = split(Budget(amount=160, unit="seconds"), COSTS, entries=BOTH, baseline=None)
    assert seconds.trials == {"a": 52, "b": 17}
    assert sum(COSTS[name] * n for name, n in seconds.trials.items()) + seconds.report <= 160


def test_the_check_takes_a_quarter_at_most_and_nothing_where_that_is_too_little() -> None:
    for amount in (20, 40, 80, 200):
        plan = split(Budget(amount=amount, unit="runs"), EQUAL, entries=BOTH, baseline="a")
        assert plan.check in (0, amount // 4)
        assert plan.check == 0 or plan.check >= 14
        assert plan.check + sum(plan.trials.values()) + plan.report <= amount


def test_the_least_budget_is_named() -> None:
    with pytest.raises(UserError, match=r"11 runs are too few for 2 methods: 12 runs buy 3 trials"):
        split(Budget(amount=11, unit="runs"), EQUAL, entries=BOTH, baseline=None)
    split(Budget(amount=12, unit="runs"), EQUAL, entries=BOTH, baseline=None)
