import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import QuotedString
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from tuneformer.config.compose import compose_config
from tuneformer.config.quoting import as_typed, quoted
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast

SIGNS = st.text("\\${}:\"',=a", max_size=12)
NO_NAMES = [
    'x={a:${oc.env:HOME},b:"',
    "a:${oc.env:HOME},b",
    "a,b",
    "${oc.env:HOME}",
    "a}",
    "a=b",
    "a b",
    "a@b",
    "+a",
    "~a",
    "a\n",
    "",
    ".",
    "a..b",
    "null",
    "True",
    "3",
    "é",
    3,
]

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


def plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(plain(key)): plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    return value.text if isinstance(value, QuotedString) else value


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_any_text_comes_back_from_hydras_parser(text: str) -> None:
    assert parsed(quoted(text)) == text


@pytest.mark.parametrize("text", HARD)
def test_hard_texts_arrive_in_the_configuration(text: str) -> None:
    assert compose_config([f"notes={quoted(text)}"])[0].notes == text


@given(
    st.recursive(SIGNS, lambda inner: st.lists(inner, max_size=3) | st.fixed_dictionaries({"a.b-c": inner}))
)
def test_any_value_comes_back_uninterpolated(value: object) -> None:
    override = OverridesParser.create().parse_override(f"notes={as_typed(value)}")
    config = OmegaConf.create({"notes": plain(override.value())})
    assert plain(OmegaConf.to_container(config, resolve=True)) == {"notes": value}


@pytest.mark.parametrize("key", NO_NAMES)
def test_a_key_that_would_be_read_as_an_override_is_refused_at_every_depth(key: object) -> None:
    for value in ({key: 1}, {"a": {key: 1}}, [{key: 1}], {"a": [[{"b": {key: 1}}]]}):
        with pytest.raises(UserError, match="is no name of a setting"):
            as_typed(value)
    assert as_typed([{"a.b": {"c_1": [1, "x"]}}]) == '[{a.b:{c_1:[1,"x"]}}]'
