"""An experiment goes with other options than it was written for; what nobody could mean is refused."""

from pathlib import Path

import pytest

from tuneformer.checks.config import checked_config
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast

TRANSLATION = ["experiment=smoke", "data=translation", "model=lstm"]


def experiment(folder: Path, text: str) -> Path:
    (folder / "experiment").mkdir()
    (folder / "experiment/mine.yaml").write_text(f"# @package _global_\n{text}\n")
    return folder


def test_what_an_experiment_gives_and_only_other_options_have_is_left_out() -> None:
    config = checked_config(TRANSLATION)
    assert "max_validation_bytes" not in config["data"]
    assert config["data"]["context_length"] == 32
    assert checked_config([*TRANSLATION, "~data.max_validation_bytes"]) == config


def test_a_setting_that_is_typed_is_refused_where_the_option_does_not_have_it() -> None:
    with pytest.raises(
        UserError, match=r"^data\.max_validation_bytes is not a setting of data=translation: "
    ):
        checked_config([*TRANSLATION, "data.max_validation_bytes=300"])


@pytest.mark.parametrize(
    ("text", "overrides", "setting"),
    [
        ("data: {max_validation_byte: 3}", ["data=translation", "model=lstm"], "data.max_validation_byte"),
        ("defaults: [override /data: copy]\ndata: {tokenizer: bytes}", [], "data.tokenizer"),
    ],
)
def test_a_misspelt_setting_and_one_that_an_experiments_own_option_does_not_have_are_refused(
    text: str, overrides: list[str], setting: str, tmp_path: Path
) -> None:
    folder = experiment(tmp_path, text)
    with pytest.raises(UserError, match=rf"^{setting} is not a setting of data="):
        checked_config(["experiment=mine", *overrides], folder)
