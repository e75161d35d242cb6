import math

import pytest

from tuneformer.config.ranges import (
    ABOVE_ZERO_TO_ONE,
    AT_LEAST_ONE,
    BELOW_ONE,
    NOT_NEGATIVE,
    POSITIVE,
    ZERO_TO_ONE,
    Range,
    shown,
)
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast

HELD = [
    (POSITIVE, [1e-300, 1, 7.5, 1e30], [0, -1, 1e300]),
    (NOT_NEGATIVE, [0, 0.0, 3], [-1e-300, 1e300]),
    (AT_LEAST_ONE, [1, 10**12], [0, 10**12 + 1]),
    (ZERO_TO_ONE, [0, 0.5, 1], [-0.1, 1.1]),
    (BELOW_ONE, [0, 0.999], [-0.1, 1, 1.0]),
    (ABOVE_ZERO_TO_ONE, [1e-9, 1], [0, 0.0, 1.001]),
]


@pytest.mark.parametrize(("allowed", "inside", "outside"), HELD)
def test_a_range_holds_its_numbers_and_no_others(allowed: Range, inside: list, outside: list) -> None:
    assert all(value in allowed for value in inside)
    assert not any(value in allowed for value in outside)


@pytest.mark.parametrize("value", [None, True, "1", math.nan, math.inf, [0.5]])
def test_what_is_no_finite_number_is_in_no_range(value: object) -> None:
    assert not any(value in allowed for allowed, _, _ in HELD)


def test_a_failed_check_names_setting_value_and_range() -> None:
    with pytest.raises(UserError, match=r"^optimizer\.lr=-1 must be positive$"):
        POSITIVE.check("optimizer.lr", -1)
    with pytest.raises(UserError, match=r"^model\.d_ff=10+ must be at most 1,000,000,000,000$"):
        AT_LEAST_ONE.check("model.d_ff", 10**18)


def test_an_interval_is_written_as_people_write_it() -> None:
    assert [each.interval for each in (POSITIVE, AT_LEAST_ONE, BELOW_ONE)] == [
        "(0, 1e+38]",
        "[1, 10^12]",
        "[0, 1)",
    ]


@pytest.mark.parametrize(("value", "typed"), [(None, "null"), (True, "true"), (0.1, "0.1"), ("a", "a")])
def test_values_are_shown_as_they_are_typed(value: object, typed: str) -> None:
    assert shown(value) == typed
