from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig

from tuneformer.config.compose import compose_choices, compose_config, config_folder
from tuneformer.config.options import source_folders

CONF = Path(__file__).parents[2] / "conf"

pytestmark = pytest.mark.fast


def test_overrides_and_choices_arrive_in_the_configuration() -> None:
    config, hydra = compose_config(["optimizer=sgd", "optimizer.lr=0.5", "seed=3"])
    assert config.optimizer._target_ == "torch.optim.SGD"
    assert config.optimizer.lr == 0.5
    assert config.seed == 3
    assert hydra.runtime.choices.optimizer == "sgd"
    assert "hydra" not in config
    assert source_folders(hydra) == [CONF]


def test_an_experiment_changes_options_and_settings_and_the_command_line_stands_above_it() -> None:
    config, hydra = compose_config(["experiment=nanogpt_cpu", "model.n_layers=7"])
    assert hydra.runtime.choices.optimizer == "adamw_nanogpt"
    assert config.data.tokenizer == "characters"
    assert (config.model.n_layers, config.model.positions) == (7, "learned")


def test_composing_leaves_hydras_global_state_as_it_was() -> None:
    compose_config([])
    assert GlobalHydra.instance().hydra is None
    assert HydraConfig.get().runtime.choices["optimizer"] == "adamw"


def test_choices_alone_are_composed_for_hints() -> None:
    known = compose_choices(["optimizer=sgd", "optimizer.lrr=1", "seed=a"])
    assert known is not None
    assert "momentum" in known["optimizer"]


def test_an_impossible_choice_leaves_the_default_for_hints() -> None:
    known = compose_choices(["optimizer=none_such"])
    assert known is not None
    assert known["optimizer"]["_target_"] == "torch.optim.AdamW"


def test_conf_of_the_working_directory_comes_before_that_of_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert config_folder() == CONF
    (tmp_path / "conf").mkdir()
    assert config_folder() == CONF
    (tmp_path / "conf" / "train.yaml").touch()
    monkeypatch.chdir(tmp_path)
    assert config_folder() == tmp_path / "conf"
