import pytest

from tuneformer.config.suggestions import did_you_mean, nearest

pytestmark = pytest.mark.fast

NAMES = ["weight_decay", "lr", "betas", "momentum"]


@pytest.mark.parametrize(
    ("typo", "meant"),
    [("weight_deacy", "weight_decay"), ("lrr", "lr"), ("beta", "betas"), ("momentun", "momentum")],
)
def test_a_typo_finds_the_name_that_was_meant(typo: str, meant: str) -> None:
    assert nearest(typo, NAMES) == meant
    assert did_you_mean(typo, NAMES) == f"did you mean {meant}?"


def test_where_nothing_is_near_every_name_is_listed_in_order() -> None:
    assert nearest("zebra", NAMES) is None
    assert did_you_mean("zebra", NAMES) == "there are betas, lr, momentum, weight_decay"


def test_a_level_without_names_says_so() -> None:
    assert did_you_mean("zebra", []) == "there are none"


def test_a_value_that_is_no_text_is_compared_as_it_is_written() -> None:
    assert nearest(32, ["32-true", "bf16-mixed"]) is None
    assert nearest(16.0, ["16-0"]) == "16-0"
