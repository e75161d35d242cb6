"""Settings from a file against the constructor that they are for."""

from typing import Any

import pytest

from tuneformer.config.arguments import check_arguments
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast


class Thing:
    def __init__(self, *, width: int, rate: float, name: str | None, layer: object) -> None:
        """Nothing."""


class Open(Thing):
    def __init__(self, width: int, **others: Any) -> None:
        """Nothing."""


GOOD: dict[str, Any] = {"width": 3, "rate": 1, "name": None}


def check(changed: dict[str, Any]) -> None:
    check_arguments(Thing, GOOD | changed, where="model", later=("layer",))


def test_settings_that_fit_pass() -> None:
    check({})
    check({"rate": float("inf"), "name": "x"})


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"width": "x"}, "model.width='x' must be of the type int"),
        ({"width": True}, "model.width=True must be"),
        ({"width": 3.0}, "model.width=3.0 must be"),
        ({"rate": float("nan")}, "model.rate=nan must be"),
        ({"name": [1]}, "model.name=[1] must be"),
        ({"widht": 3}, f"model.widht is not a setting of {__name__}.Thing: did you mean width?"),
        ({"layer": 3}, "model.layer is not a setting"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(changed: dict[str, Any], expected: str) -> None:
    with pytest.raises(UserError) as error:
        check(changed)
    assert str(error.value).startswith(expected)


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(UserError, match=rf"^model\.name is missing: {__name__}\.Thing needs it$"):
        check_arguments(Thing, {"width": 1, "rate": 1.0}, where="model", later=("layer",))


def test_what_takes_any_argument_is_asked_for_those_that_it_names_unless_they_are_all() -> None:
    check_arguments(Open, {"width": 3, "colour": 1}, where="callbacks.x")
    with pytest.raises(UserError, match=r"^callbacks\.x\.width='3' must be"):
        check_arguments(Open, {"width": "3"}, where="callbacks.x")
    with pytest.raises(UserError, match=r"^optimizer\.widht is not a setting of .*: did you mean width\?"):
        check_arguments(Open, {"width": 3, "widht": 1}, where="optimizer", by_name=True)


def test_what_says_nothing_of_its_arguments_is_not_asked() -> None:
    check_arguments(dict, {"anything": 1}, where="x")
