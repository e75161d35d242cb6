"""A point composed with others is the point composed alone."""

from typing import Any

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from omegaconf import DictConfig

from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config, config_folder
from tuneformer.config.schema import register_with_hydra
from tuneformer.sweeps.composing import Composer
from tuneformer.sweeps.points import Point

POINTS: list[Point] = [
    (f"optimizer={optimizer}", f"optimizer.lr={lr}", f"model.d_model={width}", f"tags=[{optimizer},{lr}]")
    for optimizer in ("adamw", "muon")
    for lr in (1e-3, 3e-3)
    for width in (32, 64)
]


class CountingLoader(ConfigLoaderImpl):
    composed = 0

    def load_configuration(self, *arguments: Any, **settings: Any) -> DictConfig:
        self.composed += 1
        return super().load_configuration(*arguments, **settings)


@pytest.mark.fast
def test_points_that_differ_in_numbers_are_composed_once_and_all_are_right() -> None:
    register_with_hydra()
    loader = CountingLoader(create_config_search_path(str(config_folder())))
    composer = Composer(loader=loader, config_name="train", of_hydra=())
    for point in [*POINTS, *reversed(POINTS)]:
        composed = composer.compose(point)
        assert composed.config == check_config(*compose_config(list(point)))
        assert f"optimizer={composed.hydra.runtime.choices.optimizer}" == point[0]
    assert loader.composed == 2
