"""The sign-flip test and Holm's correction: closed forms, SciPy, and error rates in simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from tuneformer.analysis.statistics.sign_flip import FEWEST_PAIRS, holm, sign_flip_p

N_SWEEPS = 2000


@pytest.mark.fast
@pytest.mark.parametrize("n", [6, 7, 10])
def test_differences_of_one_sign_have_the_smallest_p_there_is(n: int) -> None:
    assert sign_flip_p([0.1 * (i + 1) for i in range(n)]) == 2 / 2**n


@pytest.mark.fast
def test_it_is_scipys_permutation_test() -> None:
    d = np.random.default_rng(0).normal(0.5, 1.0, 9)
    expected = stats.permutation_test((d,), np.sum, permutation_type="samples", n_resamples=10_000).pvalue
    assert sign_flip_p([*d]) == pytest.approx(expected)


@pytest.mark.fast
def test_below_six_pairs_and_without_a_number_there_is_no_p() -> None:
    assert math.isnan(sign_flip_p([1.0] * (FEWEST_PAIRS - 1)))
    assert math.isnan(sign_flip_p([1.0] * 6 + [math.inf]))
    assert sign_flip_p([0.0] * 6) == 1.0
    # ties: 6 of 7 differ, and each choice of signs of the seventh gives the same sum
    assert sign_flip_p([1.0] * 6 + [0.0]) == 2 / 64


@pytest.mark.fast
def test_beyond_twenty_pairs_signs_are_drawn_and_agree_with_the_t_test() -> None:
    d = np.random.default_rng(1).normal(0.3, 1.0, 40)
    assert sign_flip_p([*d]) == pytest.approx(stats.ttest_1samp(d, 0.0)[1], abs=0.01)


@pytest.mark.parametrize(("n", "least"), [(6, 0.0), (7, 0.04), (8, 0.04), (10, 0.04)])
def test_false_positives_are_as_many_as_claimed(n: int, least: float) -> None:
    # 8,000 simulated comparisons of equal methods: standard deviation 0.0024 of the share
    draw = np.random.default_rng(n)
    rejected = np.mean([sign_flip_p([*d]) <= 0.05 for d in draw.normal(0, 0.02, (8000, n))])
    assert least <= rejected <= 0.06


@pytest.mark.fast
def test_holms_steps_are_those_of_the_paper() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.5]) == [1.0, 1.0]
    assert holm([]) == []
    adjusted = holm([math.nan, 0.01, 0.02])
    assert math.isnan(adjusted[0])
    assert adjusted[1:] == pytest.approx([0.02, 0.02])


def test_holm_keeps_the_chance_of_any_false_claim_over_all_pairs_of_four_methods() -> None:
    draw = np.random.default_rng(0)
    pairs = [(i, j) for i in range(4) for j in range(i)]
    any_wrong = any_wrong_without = 0
    for _ in range(N_SWEEPS):
        losses = draw.normal(0, 0.02, (4, 10)) + draw.normal(0, 0.05, 10)
        p_values = [sign_flip_p([*(losses[i] - losses[j])]) for i, j in pairs]
        any_wrong += min(holm(p_values)) <= 0.05
        any_wrong_without += min(p_values) <= 0.05
    assert any_wrong / N_SWEEPS <= 0.06
    assert any_wrong_without / N_SWEEPS > 0.12  # what the correction is for
