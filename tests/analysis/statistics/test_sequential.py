"""Looking again and again: the error stays below its level, and intervals hold as often as they say."""

from itertools import islice, pairwise

import numpy as np
import pytest
from scipy import stats

from tuneformer.analysis.statistics.holm import LEVEL
from tuneformer.analysis.statistics.sequential import (
    BETTER,
    EQUIVALENT,
    OPEN,
    REPORTED_CONFIDENCE,
    WORSE,
    interval_at,
    level_of,
    looks,
    verdict,
)

REPEATS = 4000
MARGIN, DEVIATION = 0.02, 0.014


@pytest.mark.parametrize("planned", [3, 4, 5, 9, 20, 100])
def test_the_shares_of_all_looks_add_up_to_one_at_most_and_the_planned_look_has_the_most(
    planned: int,
) -> None:
    made = list(islice(looks(planned), 60))
    assert sum(look.share for look in made) == pytest.approx(1)
    assert all(before.n < after.n for before, after in pairwise(made))
    assert max(made, key=lambda look: look.share).n == planned


def test_fewer_seeds_than_the_first_look_cannot_be_planned() -> None:
    with pytest.raises(ValueError, match="2 seeds are fewer than the 3 of the first look"):
        next(looks(2))


def test_an_interval_is_that_of_scipy_s_t_distribution() -> None:
    values = [0.3, -0.1, 0.25, 0.4, 0.02]
    expected = stats.t.interval(0.97, 4, loc=np.mean(values), scale=stats.sem(values))
    assert interval_at(values, 0.03) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("interval", "word"),
    [
        ((-0.05, -0.01), BETTER),
        ((0.01, 0.05), WORSE),
        ((-0.01, 0.015), EQUIVALENT),
        ((-0.01, 0.03), OPEN),
        ((-0.002, -0.001), BETTER),
    ],
)
def test_a_verdict_is_of_one_side_of_zero_or_of_the_margin(interval: tuple[float, float], word: str) -> None:
    assert verdict(interval, margin=MARGIN) == word


def simulate(difference: float, *, planned: int, n_pairs: int, more: int = 0) -> tuple[float, float, float]:
    """The shares of false verdicts and of reported intervals that hold, and the mean number of seeds."""
    made = list(islice(looks(planned), 60))
    last = [look.n for look in made].index(planned) + more
    draws = np.random.default_rng(planned).normal(difference, DEVIATION, (REPEATS, made[last].n))
    open_still = np.ones(REPEATS, dtype=bool)
    false, held, seeds = 0.0, 0.0, 0.0
    for look in made[: last + 1]:
        d = draws[:, : look.n]
        mean, error = d.mean(axis=1), d.std(axis=1, ddof=1) / np.sqrt(look.n)
        half = stats.t.ppf(1 - level_of(look, n_pairs=n_pairs) / 2, look.n - 1) * error
        low, high = mean - half, mean + half
        excludes, inside = (low > 0) | (high < 0), (low > -MARGIN) & (high < MARGIN)
        missed = (low > difference) | (high < difference)
        wrong = np.where(excludes, missed, inside & (abs(difference) >= MARGIN))
        ends = open_still & (excludes | inside | (look.n == made[last].n))
        false += float((ends & wrong).sum())
        reported = stats.t.ppf((1 + REPORTED_CONFIDENCE) / 2, look.n - 1) * error
        held += float((ends & (abs(mean - difference) <= reported)).sum())
        seeds += float(ends.sum()) * look.n
        open_still &= ~ends
    return false / REPEATS, held / REPEATS, seeds / REPEATS


@pytest.mark.parametrize("n_pairs", [1, 6])
@pytest.mark.parametrize("planned", [5, 20])
@pytest.mark.parametrize("difference", [0.0, 0.005, 0.01, MARGIN, 0.03, 0.06])
def test_the_error_under_repeated_looks_is_as_stated(difference: float, planned: int, n_pairs: int) -> None:
    false, held, seeds = simulate(difference, planned=planned, n_pairs=n_pairs)
    assert false <= LEVEL / n_pairs + 3 * np.sqrt(LEVEL / REPEATS)
    of_chance = 2 * np.sqrt(0.05 / REPEATS)
    assert 0.93 - of_chance <= held <= 0.97 + of_chance
    assert seeds <= planned


@pytest.mark.parametrize("difference", [0.0, 0.01, MARGIN])
@pytest.mark.parametrize(("planned", "n_pairs"), [(4, 3), (20, 6)])
def test_looks_beyond_the_planned_one_err_no_more_and_hold_nearly_as_often(
    difference: float, planned: int, n_pairs: int
) -> None:
    false, held, _ = simulate(difference, planned=planned, n_pairs=n_pairs, more=4)
    assert false <= LEVEL / n_pairs + 3 * np.sqrt(LEVEL / REPEATS)
    assert 0.90 <= held <= 0.985


def test_a_clear_difference_takes_few_seeds() -> None:
    _, _, seeds = simulate(0.1, planned=20, n_pairs=1)
    assert seeds < 5
