"""From composed points to what is asked: spaces, limits, and what the check tries."""

from collections.abc import Sequence

import pytest

from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.config.hydra_guard import guarded_hydra
from tuneformer.config.options import list_options
from tuneformer.config.registry import SHIPPED
from tuneformer.errors import UserError
from tuneformer.sweeps.ask.contestants import (
    ComposedContestant,
    contestants_of,
    fixed_point,
    question_of,
    variants_of,
    within_what_composes,
)
from tuneformer.sweeps.composing import Composed
from tuneformer.sweeps.search.space import Choices, SearchRange

RATE, DECAY, WARMUP = "optimizer.lr", "optimizer.weight_decay", "scheduler.warmup"


def asked(*point: str, keys: frozenset[str] = frozenset({"optimizer"})) -> list[ComposedContestant]:
    """The contestants of one point."""
    point = ("search=ask", *point)
    with guarded_hydra():
        config, hydra = compose_config(list(point))
    composed = Composed(
        point=point, config=check_config(config, hydra), hydra=hydra.hydra if "hydra" in hydra else hydra
    )
    return contestants_of([composed], keys=keys)


def all_compose(point: Sequence[str]) -> bool:
    return True


def test_rate_decay_and_warmup_are_tuned_unless_they_are_given() -> None:
    (one,) = asked("optimizer=adamw")
    assert list(one.contestant.space.space) == [RATE, DECAY, WARMUP]
    (one,) = asked("optimizer=adamw", "scheduler.warmup=0.1", "optimizer.weight_decay=0.1")
    assert list(one.contestant.space.space) == [RATE]


@pytest.mark.parametrize(
    ("optimizer", "path", "own"),
    [
        ("adamw", "optimizer.betas", "[0.9,0.95]"),
        ("muon", "optimizer.matrices.momentum", "0.95"),
        ("lion", "optimizer.betas", "[0.9,0.99]"),
        ("sam", "optimizer.base.betas", "[0.9,0.95]"),
    ],
)
def test_momentum_is_tuned_on_request_among_values_that_the_optimizer_names(
    optimizer: str, path: str, own: str
) -> None:
    (one,) = asked(f"optimizer={optimizer}", "search.momentum=true")
    space = one.contestant.space
    choices = space.space[path]
    assert isinstance(choices, Choices)
    assert choices.values[0] == own
    assert len(set(choices.values)) == len(choices.values) >= 4
    drawn = [dict(point)[path] for point in space.draw(40, seed=0)]
    assert set(drawn) == set(choices.values)
    (fixed,) = asked(f"optimizer={optimizer}", "search.momentum=true", f"{path}={choices.values[1]}")
    assert path not in fixed.contestant.space.space
    assert all(compose_config([f"optimizer={optimizer}", f"{path}={value}"]) for value in choices.values)


def test_every_optimizer_names_momenta_but_those_without_or_with_their_own_reason() -> None:
    without = {"adafactor", "any"}
    for option in list_options("optimizer", [SHIPPED]):
        if option in without:
            continue
        (one,) = asked(f"optimizer={option}", "search.momentum=true")
        assert any("momentum" in path or "betas" in path for path in one.contestant.space.space), option


def test_a_range_may_be_left_as_far_as_the_setting_allows() -> None:
    (one,) = asked("optimizer=muon")
    limits = one.contestant.space.limits
    assert limits[RATE][0] == 0
    assert limits[WARMUP] == (0, 0.9)
    assert isinstance(one.contestant.space.space[WARMUP], SearchRange)


def test_the_check_tries_what_the_method_has_otherwise_and_is_not_tuned() -> None:
    (one,) = asked("optimizer=adamw", "scheduler.warmup=0.05")
    names = [variant.name for variant in variants_of(one.method)]
    assert "model.initialization=xavier" in names
    assert "model.initialization=zero_output" not in names
    assert {"scheduler.warmup=0.2", "trainer.gradient_clip_val=null", "attention.qk_norm=true"} <= {*names}
    (one,) = asked("optimizer=sgd", "data=translation", "model=lstm")
    names = [variant.name for variant in variants_of(one.method)]
    assert not any(name.startswith(("optimizer.betas", "scheduler.warmup", "attention.")) for name in names)


def test_the_baseline_is_adamw_or_what_is_named() -> None:
    both = [*asked("optimizer=muon"), *asked("optimizer=adamw")]
    assert question_of(both, all_compose).baseline == "optimizer=adamw"
    named = [*asked("optimizer=muon", "search.baseline=muon"), *asked("optimizer=adamw")]
    assert question_of(named, all_compose).baseline == "optimizer=muon"
    with pytest.raises(UserError, match=r"search.baseline=lion is not one of the methods"):
        question_of(asked("optimizer=muon", "search.baseline=lion"), all_compose)


def test_a_short_run_is_validated_at_its_end() -> None:
    contestants = asked("optimizer=adamw", "search.horizons=[100,600]", "seed=3")
    assert [fixed_point(each)[-2:] for each in contestants] == [
        ("trainer.max_steps=100", "trainer.val_check_interval=100"),
        ("search.horizons=[100,600]", "trainer.max_steps=600"),
    ]
    assert question_of(contestants, all_compose).seed == 3


def test_what_cannot_be_composed_is_not_tried_and_not_reached() -> None:
    def composes(point: Sequence[str]) -> bool:
        return not any(each in ("scheduler.warmup=0.9", "model.initialization=xavier") for each in point)

    (one,) = asked("optimizer=adamw")
    narrowed = within_what_composes(one, composes)
    assert narrowed.contestant.space.limits[WARMUP] == (0, 0.4)
    assert narrowed.contestant.space.limits[RATE] == one.contestant.space.limits[RATE]
    names = [variant.name for variant in question_of([one], composes).variants]
    assert "model.initialization=xavier" not in names
    assert "model.initialization=depth_scaled" in names


def test_a_method_with_nothing_to_tune_is_refused_and_one_with_the_warmup_alone_is_not() -> None:
    fixed = ("optimizer=adamw", "optimizer.lr=1e-3", "optimizer.weight_decay=0.1")
    (one,) = asked(*fixed)
    assert list(one.contestant.space.space) == [WARMUP]
    with pytest.raises(UserError, match="has nothing to tune"):
        asked(*fixed, "scheduler.warmup=0.1")


def test_a_baseline_must_name_one_method() -> None:
    keys = frozenset({"optimizer", "attention"})
    given = ("optimizer=adamw", "search.baseline=adamw")
    both = [asked(*given, f"attention={name}", keys=keys)[0] for name in ("linear", "multi_head")]
    with pytest.raises(
        UserError, match=r"^search.baseline=adamw names several methods: give attention=linear"
    ):
        question_of(both, all_compose)
