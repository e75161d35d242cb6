"""What a component says that it can be set to: read from its arguments, and held to."""

from typing import Annotated, Any

import pytest

from tuneformer.config.described import described_arguments
from tuneformer.config.options import list_options, load_option
from tuneformer.config.ranges import AT_LEAST_ONE, ZERO_TO_ONE, Number
from tuneformer.config.reference import reference
from tuneformer.config.registry import SHIPPED
from tuneformer.config.schema import GROUPS
from tuneformer.config.setting import Setting, arguments_of
from tuneformer.config.setting_check import check_value, check_values
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast


def component(
    step: int,
    *,
    horizon: int,
    share: Annotated[Number, Setting("a share", ZERO_TO_ONE)],
    count: Annotated[int | None, Setting("how many", AT_LEAST_ONE, null="as many as there are")],
    kind: Annotated[str, Setting("which", ("plain", "fancy"))],
    fast: Annotated[bool, Setting("no rest")],
    label: Annotated[str | None, Setting("for people", null="none")],
) -> float:
    return float(step)


class Component:
    def __init__(self, *, share: Annotated[float, Setting("a share", ZERO_TO_ONE)]) -> None:
        self.share = share


ARGUMENTS = arguments_of(component)
GOOD: dict[str, Any] = {"share": 0.5, "count": 3, "kind": "plain", "fast": True, "label": None}


def check(**changed: Any) -> None:
    check_values(ARGUMENTS, GOOD | changed, group="part", option="part=mine")


def test_what_is_described_is_a_setting_and_what_is_not_is_none() -> None:
    assert list(ARGUMENTS) == list(GOOD)
    assert [name for name, argument in ARGUMENTS.items() if argument.may_be_null] == ["count", "label"]
    assert list(arguments_of(Component)) == ["share"]
    assert arguments_of(len) == {}


@pytest.mark.parametrize("changed", [{}, {"share": 1}, {"count": None}, {"kind": "fancy"}, {"label": "a b"}])
def test_values_that_fit_pass(changed: dict[str, Any]) -> None:
    check(**changed)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"share": 1.5}, "part.share=1.5 must be from 0 to 1"),
        ({"share": float("nan")}, "part.share=nan must be a finite number"),
        ({"share": float("-inf")}, "part.share=-inf must be a finite number"),
        ({"share": None}, "part.share=null must be a number"),
        ({"share": True}, "part.share=true must be a number"),
        ({"share": "half"}, "part.share=half must be a number"),
        ({"count": 0}, "part.count=0 must be at least 1"),
        ({"count": 2.0}, "part.count=2.0 must be a whole number or null"),
        ({"count": 2**64}, f"part.count={2**64} must fit into 64 bits: at most {2**63 - 1}"),
        ({"kind": "fanzy"}, "part.kind=fanzy must be one of plain, fancy (did you mean fancy?)"),
        ({"kind": ["plain"]}, "part.kind=[plain] must be one of plain, fancy (did you mean plain?)"),
        ({"fast": 1}, "part.fast=1 must be true or false"),
        ({"label": 3}, "part.label=3 must be text or null"),
        ({"label": "???"}, "part.label is missing: part=mine needs part.label=<value>"),
        ({"cound": 3}, "part.cound is not a setting of part=mine: did you mean part.count?"),
        ({"zzz": 3}, "part.zzz is not a setting of part=mine: there are count, fast, kind, label, share"),
    ],
)
def test_a_value_that_does_not_fit_is_told_in_one_line(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        check(**changed)
    assert str(error.value) == message


def test_a_setting_that_was_taken_away_is_missed() -> None:
    with pytest.raises(UserError, match=r"^part\.share is missing: part=mine needs it$"):
        check_values(ARGUMENTS, {"count": 3}, group="part", option="part=mine")


@pytest.mark.parametrize(
    "hint",
    [
        Annotated[float, Setting("a number without a range")],
        Annotated[str, Setting("a word with a range", ZERO_TO_ONE)],
        Annotated[dict, Setting("no value of YAML")],
    ],
)
def test_a_component_that_describes_a_setting_badly_is_told_so(hint: Any) -> None:
    def described(*, it: Any) -> float:
        return 0.0

    described.__annotations__["it"] = hint
    with pytest.raises(TypeError, match="it"):
        arguments_of(described)


def test_a_single_value_is_checked_by_itself() -> None:
    check_value(ARGUMENTS["share"], "sweep.share", 0)
    with pytest.raises(UserError, match=r"^sweep\.share=2 "):
        check_value(ARGUMENTS["share"], "sweep.share", 2)


def test_every_setting_of_every_option_has_a_line_in_the_reference() -> None:
    page = reference()
    missing = [
        f"{group}.{name} of {option}"
        for group in GROUPS
        for option in list_options(group, [SHIPPED])
        for settings in [load_option(group, option, [SHIPPED])]
        for name in described_arguments((group,), settings)
        if name in settings and f"| `{group}.{name}` | " not in page
    ]
    assert missing == []


def test_the_reference_page_is_what_the_components_say() -> None:
    page = SHIPPED.parent / "docs" / "settings.md"
    assert page.read_text(encoding="utf-8") == reference(), (
        "write it again: python -m tuneformer.config.reference > docs/settings.md"
    )
