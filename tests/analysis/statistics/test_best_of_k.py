"""Best of k: every subset counted, and the expectation of a known distribution."""

import itertools
import math

import numpy as np
import pytest

from tuneformer.analysis.statistics.best_of_k import best_of_k

pytestmark = pytest.mark.fast


def test_it_is_the_mean_over_all_subsets() -> None:
    losses = [2.0, 1.5, 3.0, 1.5, 2.5, 1.9]
    for k, found in enumerate(best_of_k(losses), start=1):
        lowest = [min(subset) for subset in itertools.combinations(losses, k)]
        assert found == pytest.approx(sum(lowest) / len(lowest))


def test_the_lowest_of_k_uniform_trials_is_one_over_k_plus_one() -> None:
    curve = best_of_k([*np.random.default_rng(0).uniform(size=1000)])
    assert [curve[k - 1] for k in (1, 2, 5, 10)] == pytest.approx([1 / 2, 1 / 3, 1 / 6, 1 / 11], abs=0.02)
    assert all(a >= b for a, b in itertools.pairwise(curve))


def test_what_diverged_costs_trials() -> None:
    curve = best_of_k([1.0, math.inf, math.nan, 2.0])
    assert curve[:2] == [math.inf, math.inf]
    assert curve[2:] == pytest.approx([1.25, 1.0])
    assert best_of_k([]) == []
    assert best_of_k([math.inf]) == [math.inf]
