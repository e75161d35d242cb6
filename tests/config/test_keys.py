from pathlib import Path
from typing import Any

import pytest

from tuneformer.config.keys import check_group
from tuneformer.config.options import load_option
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast

CONF = Path(__file__).parents[2] / "conf"

YAML = """
_target_: torch.optim.AdamW
lr: 2.0e-3
steps: 10
fused: true
kind: plain
betas: [0.9, 0.95]
scale: null
path: ???
length: ${data.context_length}
inner: {_target_: a.B, size: 3, rate: 0.5}
rules: [{name: all}]
"""

GOOD: dict[str, Any] = {
    "_target_": "torch.optim.AdamW",
    "lr": 0.1,
    "steps": 3,
    "fused": False,
    "kind": "other",
    "betas": [0.8, 1],
    "scale": 4,
    "path": "file",
    "length": 128,
    "inner": {"_target_": "a.B", "size": 4, "rate": 1},
    "rules": [{"name": "one"}, {"name": "two"}],
}


@pytest.fixture
def check(tmp_path: Path) -> Any:
    """check(lr=1): checks the good settings with some replaced, None standing for null."""
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing" / "mine.yaml").write_text(YAML, encoding="utf-8")

    def run(*, without: str | None = None, **changed: Any) -> None:
        settings = {key: value for key, value in {**GOOD, **changed}.items() if key != without}
        check_group("thing", "mine", settings, [tmp_path])

    return run


def message(check: Any, **changed: Any) -> str:
    with pytest.raises(UserError) as error:
        check(**changed)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_settings_of_the_right_types_pass(check: Any) -> None:
    check()


@pytest.mark.parametrize("value", [1, 0.5, 1e-3, -1])
def test_a_number_may_be_written_without_a_point(check: Any, value: float) -> None:
    check(lr=value)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"lr": "fast"}, "thing.lr=fast must be a number, as in thing=mine: thing.lr=0.002"),
        ({"lr": True}, "thing.lr=true must be a number, as in thing=mine: thing.lr=0.002"),
        ({"lr": None}, "thing.lr=null must be a number, as in thing=mine: thing.lr=0.002"),
        ({"lr": [1]}, "thing.lr=[1] must be a number, as in thing=mine: thing.lr=0.002"),
        ({"steps": 1.5}, "thing.steps=1.5 must be a whole number, as in thing=mine: thing.steps=10"),
        ({"steps": 1.0}, "thing.steps=1.0 must be a whole number, as in thing=mine: thing.steps=10"),
        ({"steps": True}, "thing.steps=true must be a whole number, as in thing=mine: thing.steps=10"),
        ({"fused": 1}, "thing.fused=1 must be true or false, as in thing=mine: thing.fused=true"),
        ({"fused": "yes"}, "thing.fused=yes must be true or false, as in thing=mine: thing.fused=true"),
        ({"kind": 3}, "thing.kind=3 must be text, as in thing=mine: thing.kind=plain"),
        (
            {"betas": [0.9]},
            "thing.betas=[0.9] must be a list of 2, each a number, as in thing=mine: thing.betas=[0.9,0.95]",
        ),
        (
            {"betas": [0, "b"]},
            "thing.betas=[0,b] must be a list of 2, each a number, as in thing=mine: thing.betas=[0.9,0.95]",
        ),
        (
            {"betas": 0.9},
            "thing.betas=0.9 must be a list of 2, each a number, as in thing=mine: thing.betas=[0.9,0.95]",
        ),
        ({"path": "???"}, "thing.path is missing: thing=mine needs thing.path=<value>"),
        ({"inner": 3}, "thing.inner=3 must be a group of settings: _target_, size, rate"),
        (
            {"inner": {**GOOD["inner"], "size": "big"}},
            "thing.inner.size=big must be a whole number, as in thing=mine: thing.inner.size=3",
        ),
        (
            {"inner": {**GOOD["inner"], "sise": 3}},
            "thing.inner.sise is not a setting of thing=mine: did you mean thing.inner.size?",
        ),
    ],
)
def test_a_wrong_type_is_told_with_its_value_and_an_example(
    check: Any, changed: dict[str, Any], expected: str
) -> None:
    assert message(check, **changed) == expected


def test_a_misspelt_key_is_told_with_the_nearest_name(check: Any) -> None:
    assert message(check, stepz=3) == "thing.stepz is not a setting of thing=mine: did you mean thing.steps?"


def test_a_key_like_no_other_is_told_with_all_names_but_the_target(check: Any) -> None:
    told = message(check, xyzzy=3)
    assert told.startswith("thing.xyzzy is not a setting of thing=mine: there are betas, fused, inner,")
    assert "_target_" not in told


def test_a_key_that_was_taken_away_is_missed(check: Any) -> None:
    assert message(check, without="steps") == "thing.steps is missing: thing=mine needs it"


@pytest.mark.parametrize("value", [None, 3, 0.5, "word", [1]])
def test_a_null_without_an_example_takes_anything_but_a_group(check: Any, value: Any) -> None:
    check(scale=value)
    with pytest.raises(UserError, match=r"thing\.scale="):
        check(scale={"a": 1})


def test_what_an_interpolation_fills_in_is_not_compared_with_its_text(check: Any) -> None:
    check(length=3)
    check(length="three")


def test_elements_of_a_list_of_groups_must_be_groups(check: Any) -> None:
    assert message(check, rules=["all"]).startswith("thing.rules=[all] must be a list")
    check(rules=[])


@pytest.mark.parametrize(
    ("group", "option", "key", "good", "bad"),
    [
        ("model", "decoder", "d_ff", [None, 64], ["wide", 6.5, True]),
        ("model", "decoder", "context_length", [64], [None, "long"]),
        ("attention", "multi_head", "scale", [None, 1, 0.5], ["big"]),
        ("trainer", "default", "threads", [None, 2], ["all", 1.5]),
        ("trainer", "default", "gradient_clip_val", [None, 1, 0.5], ["none"]),
        ("trainer", "default", "devices", [1, "auto"], [None, 1.5]),
        ("data", "text", "path", ["file"], [None, 3, ["a"]]),
        ("data", "text", "validation_path", [None, "file"], [3]),
        ("data", "shakespeare", "cache_dir", ["folder"], [None, 3]),
        ("logger", "wandb", "wandb.entity", [None, "me"], [3]),
    ],
)
def test_settings_without_a_value_of_their_own_have_a_type_all_the_same(
    group: str, option: str, key: str, good: list[Any], bad: list[Any]
) -> None:
    def check_with(value: Any) -> None:
        settings = load_option(group, option, [CONF])
        for name in [name for name, known in settings.items() if known == "???" or "${" in str(known)]:
            settings[name] = {"mode": "offline", "path": "file", "cache_dir": "folder"}.get(name, 128)
        if group == "logger":
            settings = {"wandb": load_option(group, option, [CONF])["wandb"] | {"mode": "offline"}}
        *parents, last = key.split(".")
        level = settings
        for parent in parents:
            level = level[parent]
        level[last] = value
        check_group(group, option, settings, [CONF])

    for value in good:
        check_with(value)
    for value in bad:
        with pytest.raises(UserError, match=rf"^{group}\.{key}=.* must be "):
            check_with(value)
