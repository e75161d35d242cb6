from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from tuneformer.config.building import build
from tuneformer.config.options import list_options, load_option
from tuneformer.models.build import build_model

INTERPOLATED = {
    "optimizer": {"n_heads": 1, "t_alpha_beta3": 100},
    "model": {
        "n_layers": 4,
        "n_heads": 4,
        "d_model": 128,
        "context_length": 128,
        "vocab_size": 256,
        "n_classes": 3,
        "image_size": 4,
        "n_channels": 1,
    },
}
"""Values of what follows from another setting."""

CONF = Path(__file__).parents[2] / "conf"

OWN_DECAY: dict[str, Any] = {"weight_decay_kind": "own", "weight_decay_end": 1.0}
"""What ParamGroups needs beside rules where nothing is special about weight decay."""

LoadSettings = Callable[..., dict[str, Any]]
Make = Callable[..., Any]
MakeDecoder = Callable[..., nn.Module]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `optimizer_option` or `schedule_option` runs for every YAML file of the group."""
    for argument, group in {"optimizer_option": "optimizer", "schedule_option": "scheduler"}.items():
        if argument in metafunc.fixturenames:
            options = [name for name in list_options(group, [CONF]) if name != "any"]
            metafunc.parametrize(argument, options)


@pytest.fixture
def load_settings() -> LoadSettings:
    """load_settings("optimizer", "adamw", lr=0.1): the option's settings with some replaced."""

    def load(group: str, name: str, **replaced: object) -> dict[str, Any]:
        settings = load_option(group, name, [CONF])
        assert set(replaced) <= set(settings)
        return {**_without_interpolations(group, settings), **replaced}

    return load


@pytest.fixture
def make(load_settings: LoadSettings) -> Make:
    """As load_settings, built."""

    def made(group: str, name: str, **replaced: object) -> Any:
        return build(load_settings(group, name, **replaced), (group,), kind=object)

    return made


@pytest.fixture
def make_decoder(load_settings: LoadSettings) -> MakeDecoder:
    """A small decoder, by the settings of conf/model/decoder.yaml that it replaces."""

    def made(*, qk_norm: bool = False, **replaced: object) -> nn.Module:
        small = {"n_layers": 2, "n_heads": 2, "d_model": 8, "context_length": 6, "vocab_size": 11}
        model = load_settings("model", "decoder", **{**small, "initialization": "gpt2", **replaced})
        return build_model(
            model, load_settings("attention", "multi_head", qk_norm=qk_norm), needs={"vocab_size": 11}
        )

    return made


def _without_interpolations(group: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings, with an example for what follows from another group."""
    return {
        key: INTERPOLATED[group][key] if str(value).startswith("${") else value
        for key, value in settings.items()
    }
