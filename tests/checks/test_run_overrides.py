"""`run_dir=RUN` alone composes the run's own configuration, whatever it was made of."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from tuneformer.checks.config import checked_config
from tuneformer.checks.run_overrides import with_run_settings
from tuneformer.errors import UserError
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.identity import config_hash
from tuneformer.training.run import with_needs

pytestmark = pytest.mark.fast

CONF = Path(__file__).parents[2] / "conf"
EXPERIMENTS = ("smoke", "translation", "digits", "regression", "language_id", "optimizer_study")
SWEPT = ("launcher", "search", "preflight", "retry_failed", "run_dir")


NEEDS = {"vocab_size": 77, "n_classes": 5, "n_channels": 1, "image_size": 8, "n_inputs": 6, "n_outputs": 1}


def begun(*overrides: str, folder: str = "run") -> dict[str, Any]:
    """The configuration of a run that began with these overrides in `run`, as its folder keeps it."""
    config = checked_config(overrides)
    directory = RunDirectory(Path(folder))
    directory.path.mkdir()
    directory.write_config(with_needs(config, SimpleNamespace(needs=NEEDS)))  # pyright: ignore[reportArgumentType]
    return config


def kept(config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in SWEPT}


@pytest.mark.parametrize(
    "overrides",
    [
        *([f"experiment={name}"] for name in EXPERIMENTS),
        *([f"optimizer={name}"] for name in ("adamw_nanogpt", "normuon_short", "prodigy")),
        ["optimizer=any", "optimizer._target_=torch.optim.Adagrad", "optimizer.lr=0.1", "optimizer.eps=1"],
        ["scheduler=wsd", "callbacks=ema", "logger=none", "trainer=auto", "param_groups=nanogpt"],
        ["callbacks=diagnostics", "~callbacks.sample", "callbacks.curvature.examples=3", "~logger.wandb"],
        ["model=decoder_mup", "param_groups=mup", "model.size=small", "model.n_layers=7"],
        ["callbacks.sample.prompt='a \\${seed}\n'", "notes='\\${name}'", "name='x,y'", "tags=[a b,'1']"],
        ["optimizer.betas=[0.8,0.9]", "optimizer.eps=1e-30", "optimizer.weight_decay=1", "seed=4"],
        [
            "param_groups.rules=[{name:all,pattern:'.*',lr_multiplier:2,weight_decay_multiplier:0.5}]",
            "attention=top_k",
        ],
        ["sweep=mine", "trainer.devices=2", "trainer.gradient_clip_val=null", "callbacks.sample.top_k=null"],
    ],
    ids=lambda overrides: overrides[0],
)
def test_the_run_s_own_configuration_comes_back(overrides: list[str]) -> None:
    config = begun(*overrides)
    again = checked_config(["run_dir=run"])
    assert kept(again) == kept(config)
    assert again["run_dir"] == "run"
    assert config_hash(again) == config_hash(config)


def test_what_is_typed_stands_above_the_run_s_own() -> None:
    config = begun("optimizer=sgd", "optimizer.momentum=0.7", "callbacks=diagnostics", "trainer.threads=2")
    typed = ["logger=none", "trainer.threads=1", "notes=again", "callbacks.curvature.examples=4"]
    again = checked_config([*typed, "run_dir=run"])
    assert config_hash(again) == config_hash(config)
    assert (again["logger"], again["notes"], again["trainer"]["threads"]) == ({}, "again", 1)
    assert again["callbacks"]["curvature"]["examples"] == 4
    again = checked_config(["callbacks=none", "run_dir=run"])
    assert again["callbacks"].keys() == {"checkpoints", "progress"}


def test_overrides_that_choose_options_compose_by_themselves_as_do_those_of_a_new_folder() -> None:
    begun("optimizer=sgd", "seed=3")
    for typed in (
        ["optimizer=adam", "run_dir=run"],
        ["experiment=smoke", "run_dir=run"],
        ["run_dir=new"],
        [],
    ):
        assert with_run_settings(typed) == typed


def test_options_of_further_folders_are_found_where_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "mine" / "model").mkdir(parents=True)
    text = (CONF / "model" / "decoder.yaml").read_text(encoding="utf-8")
    (tmp_path / "mine" / "model" / "of_mine.yaml").write_text(f"{text}\n", encoding="utf-8")
    config = checked_config(["model=of_mine", "seed=9"], "mine")
    RunDirectory(Path("run")).path.mkdir()
    RunDirectory(Path("run")).write_config(config)
    assert kept(checked_config(["run_dir=run"], "mine")) == kept(config)


def test_what_the_environment_gives_is_the_reader_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    begun("data.cache_dir=/somewhere")
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.setenv("TUNEFORMER_CACHE", "mine")
    again = checked_config(["run_dir=run"])
    assert (again["logger"]["wandb"]["mode"], again["data"]["cache_dir"]) == ("disabled", "mine")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"optimizer": {"_target_": "os.system", "command": "x"}},
            "settings of optimizer that are of no",
        ),
        ({"model": None}, "is damaged: model must be a group of settings"),
        ({"seed": "x"}, "must be a whole number"),
        ({"notes": "${oc.env:HOME}"}, None),
    ],
)
def test_the_configuration_of_a_stranger_passes_the_same_checks(
    change: dict[str, Any], message: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = begun("experiment=smoke")
    Path("run/config.yaml").write_text(yaml.safe_dump(config | change), encoding="utf-8")
    if message is None:
        assert checked_config(["run_dir=run"])["notes"] == "${oc.env:HOME}"
        return
    with pytest.raises(UserError) as error:
        checked_config(["run_dir=run"])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


ANY = {"_target_": "pytorch_optimizer.Lion", "_partial_": True, "lr": 0.1}


@pytest.mark.parametrize(
    "planted",
    [
        {"optimizer": ANY | {'x={a:${oc.env:HOME},b:"': {'",c': 1}}},
        {"optimizer": ANY | {"x=${oc.env:HOME}#": 1}},
        {"optimizer": ANY | {"x": {"a:${oc.env:HOME},b": 1}}},
        {"optimizer": ANY | {"betas": [{"a:${oc.env:HOME},b": 1}]}},
        {"param_groups": {"rules": [{"name:${oc.env:HOME},b": "all"}]}},
        {"callbacks": {"sample": {"prompt=${oc.env:HOME}": "x"}}},
    ],
    ids=lambda planted: json.dumps(planted)[-45:],
)
def test_a_key_of_a_stranger_resolves_nothing_of_the_reader_s(
    planted: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "of-the-reader")
    config = begun("experiment=smoke")
    changed = config | {
        group: settings if group == "optimizer" else config[group] | settings
        for group, settings in planted.items()
    }
    Path("run/config.yaml").write_text(yaml.safe_dump(changed), encoding="utf-8")
    with pytest.raises(UserError) as error:
        checked_config(["run_dir=run"])
    assert str(error.value).startswith("run/config.yaml ")
    assert "of-the-reader" not in str(error.value)
