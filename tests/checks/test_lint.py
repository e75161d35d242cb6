import pytest

from tuneformer.checks.config import check_config
from tuneformer.checks.lint import factor_of, lint, sampled_steps, warnings
from tuneformer.config.compose import compose_config

pytestmark = pytest.mark.fast


def lines(*overrides: str) -> list[str]:
    return lint(check_config(*compose_config(overrides)))


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["scheduler=wsd"],
        ["scheduler=constant", "callbacks=tail_average"],
        ["optimizer=schedule_free_adamw", "scheduler=warmup"],
        ["param_groups.weight_decay_kind=independent", "optimizer.weight_decay=1e-4"],
    ],
)
def test_what_is_usual_is_not_remarked_upon(overrides: list[str]) -> None:
    assert lines(*overrides) == []


@pytest.mark.parametrize(
    ("overrides", "begins"),
    [
        (["scheduler=constant"], "scheduler constant ends at 100% of its peak rate"),
        (["scheduler=cosine", "scheduler.floor=0.6"], "scheduler cosine ends at 60% of its peak rate"),
        (["scheduler.warmup=0.2"], "scheduler.warmup=0.2 takes 120 of 600 steps"),
        (
            ["param_groups.weight_decay_kind=independent"],
            "optimizer.weight_decay=0.1 with param_groups.weight_decay_kind=independent takes 10%",
        ),
        (
            ["optimizer=schedule_free_adamw"],
            "scheduler cosine lowers the rate, and AdamWScheduleFree averages in place of that",
        ),
    ],
)
def test_what_is_unusual_is_one_line_with_its_reason(overrides: list[str], begins: str) -> None:
    found = lines(*overrides)
    assert len(found) == 1
    assert found[0].startswith(begins)


def test_training_warns_only_of_what_defeats_the_method() -> None:
    unusual = check_config(*compose_config(["scheduler=constant", "scheduler.warmup=0.5"]))
    assert warnings(unusual) == []
    defeated = check_config(*compose_config(["optimizer=schedule_free_adamw"]))
    assert warnings(defeated) == lint(defeated)


def test_the_first_and_the_last_step_are_among_those_sampled() -> None:
    assert sampled_steps(3) == [0, 1, 2]
    many = sampled_steps(100_000)
    assert (many[0], many[-1], len(many)) == (0, 99_999, 400)
    assert factor_of(check_config(*compose_config([])))(599) == pytest.approx(0.1)
