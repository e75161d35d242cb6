"""The t tests: SciPy's, and what they say nothing of."""

import math

import numpy as np
import pytest
from scipy import stats

from tuneformer.analysis.statistics.t_test import paired_t_p, welch_p

pytestmark = pytest.mark.fast

MINE, THEIRS = [1.0, 1.3, 1.1, 0.9], [1.2, 1.9, 1.4, 1.5]


def test_they_are_scipys() -> None:
    gaps = [a - b for a, b in zip(MINE, THEIRS, strict=True)]
    assert paired_t_p(gaps) == pytest.approx(np.asarray(stats.ttest_rel(MINE, THEIRS))[1])
    expected = stats.ttest_ind(MINE, THEIRS[:3], equal_var=False)
    assert welch_p(MINE, THEIRS[:3]) == pytest.approx(np.asarray(expected)[1])


@pytest.mark.parametrize("size", [1e-320, 1e-200, 1e200, 1e307])
def test_the_size_of_the_values_does_not_matter(size: float) -> None:
    steps = [1.0, 2.0, 4.0]
    assert paired_t_p([size * step for step in steps]) == pytest.approx(paired_t_p(steps), rel=1e-3)
    small, large = [size * step for step in steps], [size * (step + 3) for step in steps]
    assert welch_p(small, large) == pytest.approx(welch_p(steps, [step + 3 for step in steps]), rel=1e-3)


@pytest.mark.parametrize(
    "gaps", [[1.0, 1.1], [1.0, math.nan, 1.1], [math.inf, 1.0, 1.1], [0.3, 0.1 + 0.2, 0.3]]
)
def test_two_values_values_without_number_and_equal_values_have_no_p(gaps: list[float]) -> None:
    assert math.isnan(paired_t_p(gaps))
    assert math.isnan(welch_p(gaps, MINE))
    assert math.isnan(welch_p(MINE, gaps))
