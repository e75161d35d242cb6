"""The two columns of a table that say what seeds came to."""

import math

import pytest

from studies.over_seeds import over_seeds

pytestmark = pytest.mark.fast


def test_the_interval_is_students_and_what_diverged_is_counted() -> None:
    # three seeds: t(0.975, 2) / sqrt(3) = 2.484 deviations
    assert over_seeds((1.1, 1.2, 1.3)) == ("1.2000 ± 0.2484", "0.1000")
    assert over_seeds((1.1, 1.2, 1.3), digits=1, unit=" s") == ("1.2 ± 0.248 s", "0.1")
    assert over_seeds((1.0, math.inf, 1.0)) == ("1 of 3 diverged", "")
    assert over_seeds((1.0,)) == ("1.0000", "")
    assert over_seeds(()) == ("-", "")
