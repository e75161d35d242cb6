"""The sign-flip test: closed forms, SciPy, and error rates in simulation."""

import math
import tracemalloc

import numpy as np
import pytest
from scipy import stats

from tuneformer.analysis.statistics import sign_flip
from tuneformer.analysis.statistics.holm import holm
from tuneformer.analysis.statistics.sign_flip import fewest_pairs, sign_flip_p


@pytest.mark.fast
@pytest.mark.parametrize("n", [6, 7, 10])
def test_differences_of_one_sign_have_the_smallest_p_there_is(n: int) -> None:
    assert sign_flip_p([0.1 * (i + 1) for i in range(n)]) == 2 / 2**n


@pytest.mark.fast
@pytest.mark.parametrize("size", [1e-320, 1e-14, 1e308])
def test_the_size_of_the_differences_does_not_matter(size: float) -> None:
    assert sign_flip_p([size] * 8) == 2 / 2**8


@pytest.mark.fast
def test_it_is_scipys_permutation_test() -> None:
    d = np.random.default_rng(0).normal(0.5, 1.0, 9)
    expected = stats.permutation_test((d,), np.sum, permutation_type="samples", n_resamples=10_000).pvalue
    assert sign_flip_p([*d]) == pytest.approx(expected)


@pytest.mark.fast
def test_below_six_pairs_and_without_a_number_there_is_no_p() -> None:
    assert math.isnan(sign_flip_p([1.0] * (fewest_pairs(1) - 1)))
    assert math.isnan(sign_flip_p([1.0] * 6 + [math.inf]))
    assert sign_flip_p([0.0] * 6) == 1.0
    # ties: 6 of 7 differ, and each choice of signs of the seventh gives the same sum
    assert sign_flip_p([1.0] * 6 + [0.0]) == 2 / 64


@pytest.mark.fast
def test_beyond_twenty_pairs_signs_are_drawn_and_agree_with_scipys_draws_and_the_t_test() -> None:
    d = np.random.default_rng(1).normal(0.3, 1.0, 41)
    drawn = stats.permutation_test(
        (d,), np.sum, permutation_type="samples", n_resamples=40_000, batch=1000, rng=np.random.default_rng(5)
    )
    assert sign_flip_p([*d]) == pytest.approx(drawn.pvalue, abs=0.005)
    assert sign_flip_p([*d]) == pytest.approx(np.asarray(stats.ttest_1samp(d, 0.0))[1], abs=0.01)


@pytest.mark.fast
def test_drawn_signs_give_what_all_signs_give(monkeypatch: pytest.MonkeyPatch) -> None:
    d = [*np.random.default_rng(2).normal(0.4, 1.0, 19)]
    exact = sign_flip_p(d)
    monkeypatch.setattr(sign_flip, "EXACT_UP_TO", 6)
    assert sign_flip_p(d) == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / sign_flip.DRAWS))


@pytest.mark.fast
def test_memory_does_not_grow_with_the_number_of_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_flip, "FEWEST_DRAWS", 2000)
    monkeypatch.setattr(sign_flip, "DRAWS", 2000)
    peaks = []
    for n in (100, 4000):
        d = [*np.random.default_rng(3).normal(0.0, 1.0, n)]
        tracemalloc.start()
        p = sign_flip_p(d)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        # many differences add up to a normal sum of known deviation
        assert p == pytest.approx(2 * stats.norm.sf(abs(sum(d)) / np.linalg.norm(d)), abs=0.04)
    assert peaks[1] < peaks[0] + 8 * 4000 * 4  # a few arrays of the differences themselves


@pytest.mark.fast
@pytest.mark.parametrize(("n_tests", "pairs"), [(1, 6), (3, 7), (6, 8), (10, 9), (15, 10), (325, 14)])
def test_the_fewest_pairs_are_those_with_which_the_clearest_difference_is_significant(
    n_tests: int, pairs: int
) -> None:
    assert fewest_pairs(n_tests) == pairs

    def adjusted(n: int) -> float:
        return max(holm([sign_flip_p([1.0 + 0.1 * i for i in range(n)])] * n_tests))

    assert adjusted(pairs) <= 0.05
    assert not adjusted(pairs - 1) <= 0.05  # nan below six


@pytest.mark.parametrize(("n", "least"), [(6, 0.0), (7, 0.04), (8, 0.04), (10, 0.04)])
def test_false_positives_are_as_many_as_claimed(n: int, least: float) -> None:
    # 8,000 simulated comparisons of equal methods: standard deviation 0.0024 of the share
    draw = np.random.default_rng(n)
    rejected = np.mean([sign_flip_p([*d]) <= 0.05 for d in draw.normal(0, 0.02, (8000, n))])
    assert least <= rejected <= 0.06
