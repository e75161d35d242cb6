from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig

import tuneformer
from tuneformer.checks.config import checked_config
from tuneformer.config.compose import compose_choices, compose_config, config_folder
from tuneformer.config.options import source_folders
from tuneformer.errors import UserError

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


def write_option(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def test_a_folder_conf_of_somebody_else_in_the_working_directory_is_not_looked_at(tmp_path: Path) -> None:
    write_option(tmp_path / "conf" / "train.yaml", "seed: 77\n")
    write_option(tmp_path / "conf" / "scheduler" / "cosine.yaml", "anything: else\n")
    config, hydra = compose_config([])
    assert (config.seed, config.scheduler.warmup) == (0, 0.05)
    assert source_folders(hydra) == [CONF]


def test_an_option_that_the_folder_conf_here_has_is_told_with_how_to_add_it(tmp_path: Path) -> None:
    write_option(tmp_path / "conf" / "optimizer" / "slow.yaml", "defaults: [adamw, _self_]\nlr: 1.0e-5\n")
    with pytest.raises(
        UserError, match=r"^optimizer=slow is an option of conf in this folder, which --config"
    ):
        checked_config(["optimizer=slow"])
    assert checked_config(["optimizer=slow"], "conf")["optimizer"]["lr"] == 1e-5


def test_a_further_option_calls_no_more_than_one_of_the_package(tmp_path: Path) -> None:
    write_option(tmp_path / "mine" / "optimizer" / "mine.yaml", "_target_: os.system\n_partial_: true\n")
    with pytest.raises(UserError, match=r"os\.system"):
        checked_config(["optimizer=mine"], "mine")
    write_option(
        tmp_path / "mine" / "experiment" / "mine.yaml", "# @package _global_\nhydra: {verbose: true}\n"
    )
    with pytest.raises(UserError, match=r"hydra\.verbose=True is not used here"):
        compose_config(["experiment=mine"], "mine")


def test_the_package_has_the_folder_conf_of_the_checkout_in_it() -> None:
    inside = Path(tuneformer.__file__).parent / "conf"
    assert inside.resolve() == CONF == config_folder()
    assert (inside / "data" / "text.yaml").read_bytes() == (CONF / "data" / "text.yaml").read_bytes()


def test_further_options_come_from_the_folder_that_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "mine" / "experiment" / "short.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("# @package _global_\ntrainer: {max_steps: 7}\n", encoding="utf-8")
    for folder in ("mine", tmp_path / "mine"):  # relative or not
        config, hydra = compose_config(["experiment=short"], folder)
        assert config.trainer.max_steps == 7
        assert source_folders(hydra) == [CONF, tmp_path / "mine"]
    known = compose_choices(["experiment=short"], "mine")
    assert known is not None
    assert known.trainer.max_steps == 7
    with pytest.raises(UserError, match=r"^--config-dir=nowhere is not a folder: give one with options"):
        compose_config([], "nowhere")


NO_CONFIGURATIONS = {
    "a word": (b"abc", "abc is not a setting: there are "),
    "a number": (b"3", "FILE cannot be read: "),
    "a list": (b"[1]", "experiment/mine.yaml does not fit: "),
    "a list for a group": (b"optimizer: []", "experiment/mine.yaml does not fit: "),
    "bytes": (b"\xff\xfe\x00", "FILE cannot be read: "),
    "Latin-1": (b"notes: caf\xe9", "FILE cannot be read: "),
    "a number of too many digits": (b"seed: " + b"9" * 5000, "FILE cannot be read: "),
    "deep": (b"seed: " + b"{a: " * 500 + b"1" + b"}" * 500, "FILE cannot be read: it nests too deeply"),
    "a circle": (b"defaults: [/experiment/mine]", "options nest too deeply, or name one another in a circle"),
}


@pytest.mark.parametrize("kind", NO_CONFIGURATIONS)
def test_a_file_that_is_no_configuration_is_one_line(kind: str, tmp_path: Path) -> None:
    content, expected = NO_CONFIGURATIONS[kind]
    file = tmp_path / "experiment" / "mine.yaml"
    file.parent.mkdir()
    file.write_bytes(b"# @package _global_\n" + content)
    with pytest.raises(UserError) as error:
        checked_config(["experiment=mine"], tmp_path)
    assert str(error.value).startswith(expected.replace("FILE", str(file)))
    assert len(str(error.value).splitlines()) == 1
