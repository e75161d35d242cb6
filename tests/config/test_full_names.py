from typing import Any

import pytest
from omegaconf import OmegaConf

from tuneformer.config.compose import compose_config
from tuneformer.config.full_names import ELSEWHERE, OURS, full_names

pytestmark = pytest.mark.fast


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    plain = OmegaConf.to_container(compose_config([])[0], resolve=False)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


@pytest.mark.parametrize(
    ("typed", "full"),
    [
        ("lr", "optimizer.lr"),
        ("learning_rate", "optimizer.lr"),
        ("learning-rate", "optimizer.lr"),
        ("LR", "optimizer.lr"),
        ("optimizer.learning_rate", "optimizer.lr"),
        ("trainer.lr", "optimizer.lr"),
        ("batch_size", "data.batch_size"),
        ("context_length", "data.context_length"),  # model.context_length follows from it
        ("max_steps", "trainer.max_steps"),
        ("steps", "trainer.max_steps"),
        ("n_layers", "model.n_layers"),
        ("num_layers", "model.n_layers"),
        ("warmup_steps", "scheduler.warmup"),
        ("wd", "optimizer.weight_decay"),
        ("gpus", "trainer.devices"),
        ("opt", "optimizer"),
        ("random_seed", "seed"),
        ("n_trials", "hydra.sweeper.n_trials"),
    ],
)
def test_a_setting_is_found_by_the_end_of_its_name_and_by_its_name_elsewhere(
    whole: dict[str, Any], typed: str, full: str
) -> None:
    assert full_names(typed, whole)[0] == full


def test_what_no_setting_is_called_has_no_full_name(whole: dict[str, Any]) -> None:
    assert full_names("window", whole) == []
    assert full_names("optimizer.lr", whole) == []


def test_every_name_elsewhere_stands_for_one_of_ours_and_is_none_of_ours(whole: dict[str, Any]) -> None:
    names = [theirs for others in ELSEWHERE.values() for theirs in others.split()]
    assert len(names) == len(set(names)) == len(OURS)
    for theirs, ours in OURS.items():
        assert full_names(theirs, whole) or ours in ("floor", "betas")
        assert theirs not in whole
