"""What may still be said to Hydra. What is refused: tests/test_hostile_configuration.py."""

from pathlib import Path

import hydra._internal.hydra as hydra_main
import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl

from tuneformer.config.compose import compose_config
from tuneformer.config.hydra_guard import check_flags, guarded_hydra
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("override", "setting", "value"),
    [
        ("hydra.sweeper.n_trials=3", "sweeper.n_trials", 3),
        ("hydra.verbose=true", "verbose", True),
        ("+hydra.launcher.additional.reservation=mine", "launcher.additional.reservation", "mine"),
        ("hydra.job.name=train_ddp_process_1", "job.name", "train_ddp_process_1"),
        ("hydra.run.dir=.", "run.dir", "."),
        ("hydra.output_subdir=null", "output_subdir", None),
    ],
)
def test_what_is_used_may_be_set(override: str, setting: str, value: object) -> None:
    _, hydra = compose_config([override])
    for part in setting.split("."):
        hydra = hydra[part]
    assert hydra == value


@pytest.mark.parametrize(
    "override", ["hydra.run.dir=..", "~hydra.callbacks", "hydra[run][dir]=x", "hydra=null"]
)
def test_what_is_not_used_may_not(override: str) -> None:
    with pytest.raises(UserError, match="is not used here: "):
        compose_config([override])


def test_flags_that_read_another_main_configuration_are_refused_also_abbreviated() -> None:
    check_flags(["--multirun", "--config-dir=elsewhere", "--config-name=train", "seed=1"])
    for arguments in (
        ["-cn", "other"],
        ["--config-na", "other"],
        ["-cp", "x"],
        ["--experimental-rerun", "x"],
    ):
        with pytest.raises(UserError, match=r"^--[a-z-]+=(other|x) is not used here: "):
            check_flags(arguments)


def test_other_applications_of_hydra_in_the_process_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("hydra: {run: {dir: elsewhere}}\na: 1\n")
    with guarded_hydra():
        assert vars(hydra_main)["ConfigLoaderImpl"] is not ConfigLoaderImpl
    assert vars(hydra_main)["ConfigLoaderImpl"] is ConfigLoaderImpl
    with initialize_config_dir(config_dir=str(tmp_path)):
        assert compose("mine", return_hydra_config=True).hydra.run.dir == "elsewhere"
