from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from tuneformer.config import remembered_files
from tuneformer.config.compose import compose_config, config_folder, restored_hydra
from tuneformer.config.messages import COMPOSING_ERRORS
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast

CHOICES = (
    ["optimizer=sgd", "optimizer.lr=0.5"],
    ["experiment=nanogpt_cpu", "model.n_layers=7"],
    ["optimizer=muon", "model=lstm", "data=pairs", "data.path=x"],
    ["optimizer=sgd", "seed=2"],
)


def written(overrides: list[str]) -> list[str]:
    return [OmegaConf.to_yaml(part, sort_keys=True) for part in compose_config(overrides)]


def test_what_is_remembered_is_what_hydra_composes_by_itself() -> None:
    ours = [[written(overrides) for overrides in CHOICES] for _ in range(2)]
    assert ours[0] == ours[1]
    with initialize_config_dir(config_dir=str(config_folder())):
        for overrides, remembered in zip(CHOICES, ours[0], strict=True):
            own = compose("train", overrides=overrides)
            assert OmegaConf.to_yaml(own, sort_keys=True) == remembered[0]


def test_a_caller_may_change_what_was_composed() -> None:
    before = written(["optimizer=sgd"])
    config, _ = compose_config(["optimizer=sgd"])
    config.optimizer.lr = 77
    config.tags.append("mine")
    assert written(["optimizer=sgd"]) == before


def test_a_file_that_has_changed_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "experiment" / "mine.yaml"
    file.parent.mkdir()
    for steps in (7, 8):  # as long, and within the resolution of a clock
        file.write_text(f"# @package _global_\ntrainer: {{max_steps: {steps}}}\n", encoding="utf-8")
        assert compose_config(["experiment=mine"], tmp_path)[0].trainer.max_steps == steps
    file.write_text("# @package _global_\nhydra: {run: {dir: elsewhere}}\n", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(UserError, match="is not used here"):
            compose_config(["experiment=mine"], tmp_path)


def test_one_composition_serves_all_settings_of_its_options_and_few_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remembered_files, "AT_MOST", 2)
    monkeypatch.setattr(remembered_files, "_composed", {})
    for option in ("sgd", "adam", "lion"):
        compose_config([f"optimizer={option}"])
    kept = list(remembered_files._composed)
    assert len(kept) == 2
    assert compose_config(["optimizer=lion", "seed=5"])[0].seed == 5
    assert list(remembered_files._composed) == kept


def test_an_option_that_comes_before_or_goes_changes_what_is_composed(tmp_path: Path) -> None:
    (tmp_path / "optimizer").mkdir()
    file = tmp_path / "optimizer" / "mine.yaml"
    file.write_text("defaults: [sgd]\nlr: 5\n", encoding="utf-8")
    assert compose_config(["optimizer=mine"], tmp_path)[0].optimizer.lr == 5
    file.write_text("defaults: [adamw]\n", encoding="utf-8")
    assert "betas" in compose_config(["optimizer=mine"], tmp_path)[0].optimizer
    file.unlink()
    with pytest.raises(COMPOSING_ERRORS):
        compose_config(["optimizer=mine"], tmp_path)


def test_hydra_is_told_the_overrides_of_this_composition() -> None:
    for overrides in (["optimizer=sgd", "seed=3"], ["seed=4", "optimizer=sgd"]):
        _, hydra = compose_config(overrides)
        assert list(hydra.overrides.task) == overrides
        assert HydraConfig.get().overrides.task == overrides
        assert HydraConfig.get().runtime.choices["optimizer"] == "sgd"
        assert hydra.runtime.cwd == str(Path.cwd())


def test_settings_registered_anew_are_not_composed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def compose_registered() -> None:
        with restored_hydra():
            compose_config(["optimizer=sgd"])

    compose_registered()
    monkeypatch.setattr(ConfigLoaderImpl, "_load_configuration_impl", None)
    compose_registered()


def test_spaces_of_a_search_know_an_optimizer_that_came_after_the_first_composition(tmp_path: Path) -> None:
    (tmp_path / "optimizer").mkdir()
    assert "mine" not in compose_config(["search=random"], tmp_path)[0].search.spaces
    (tmp_path / "optimizer" / "mine.yaml").write_text("defaults: [sgd]\n", encoding="utf-8")
    assert "mine" in compose_config(["search=random"], tmp_path)[0].search.spaces
