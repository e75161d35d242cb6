import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import QuotedString
from hypothesis import given
from hypothesis import strategies as st

from tuneformer.config.compose import compose_config
from tuneformer.config.quoting import quoted

pytestmark = pytest.mark.fast

HARD = [
    "",
    " ",
    "a b",
    "a'b",
    'a"b',
    "a\\",
    "\\",
    '\\"',
    "a,b",
    "[1,2]",
    "{a: 1}",
    "x=y",
    "null",
    "3",
    "é/ü",
    "%2F",
]


def parsed(text: str) -> object:
    override = OverridesParser.create().parse_override(f"run_dir={text}")
    value = override.value()
    return value.text if isinstance(value, QuotedString) else value


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_any_text_comes_back_from_hydras_parser(text: str) -> None:
    assert parsed(quoted(text)) == text


@pytest.mark.parametrize("text", HARD)
def test_hard_texts_arrive_in_the_configuration(text: str) -> None:
    assert compose_config([f"notes={quoted(text)}"])[0].notes == text
