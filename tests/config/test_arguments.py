"""Settings from a file against the constructor that they are for."""

from functools import partial
from typing import Any

import pytest

from tuneformer.config.arguments import check_arguments
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast


class Thing:
    def __init__(self, *, width: int, rate: float, name: str | None, layer: object) -> None:
        """Nothing."""


GOOD: dict[str, Any] = {"width": 3, "rate": 1, "name": None}


def test_settings_that_fit_pass() -> None:
    check_arguments(partial(Thing, **GOOD), group="model", later=("layer",))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"width": "x"}, "model.width='x' must be of the type int"),
        ({"width": True}, "model.width=True must be"),
        ({"width": 3.0}, "model.width=3.0 must be"),
        ({"rate": float("nan")}, "model.rate=nan must be"),
        ({"name": [1]}, "model.name=[1] must be"),
        ({"widht": 3}, "model.widht is not a setting: did you mean width?"),
        ({"layer": 3}, "model.layer is not a setting"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(changed: dict[str, Any], expected: str) -> None:
    with pytest.raises(UserError) as error:
        check_arguments(partial(Thing, **GOOD | changed), group="model", later=("layer",))
    assert str(error.value).startswith(expected)


def test_a_missing_setting_and_a_missing_target_are_named() -> None:
    with pytest.raises(UserError, match=r"model\.name is missing"):
        check_arguments(partial(Thing, width=1, rate=1.0), group="model", later=("layer",))
    with pytest.raises(UserError, match="no _target_"):
        check_arguments({"width": 1}, group="model")
