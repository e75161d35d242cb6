from pathlib import Path

import pytest

from tuneformer.checks.config import check_config, checked_config
from tuneformer.config.compose import compose_config
from tuneformer.errors import UserError
from tuneformer.models.build import build_model

pytestmark = pytest.mark.fast


def model_of(*overrides: str) -> tuple[int, int, int]:
    model = check_config(*compose_config([*overrides]))["model"]
    return model["n_layers"], model["n_heads"], model["d_model"]


def test_a_size_sets_layers_heads_and_width() -> None:
    assert model_of() == (4, 4, 128)
    assert model_of("model.size=tiny") == (2, 4, 64)
    assert model_of("model.size=small") == (6, 6, 384)
    assert model_of("model.size=gpt2") == (12, 12, 768)


def test_what_is_set_explicitly_wins_on_the_command_line_and_in_an_experiment() -> None:
    assert model_of("model.size=gpt2", "model.d_model=96") == (12, 12, 96)
    assert model_of("experiment=digits") == (4, 4, 64)
    assert model_of("experiment=digits", "model.size=small") == (4, 6, 384)


def test_an_unknown_size_is_one_line_with_those_there_are() -> None:
    with pytest.raises(UserError) as error:
        model_of("model.size=huge")
    assert str(error.value) == "model.size=huge must be one of nano, tiny, small, gpt2, or null"


@pytest.mark.parametrize(
    ("overrides", "width"),
    [
        (["experiment=smoke", "data=language_id", "model=encoder"], 32),
        (["experiment=smoke", "data=translation", "model=encoder_decoder"], 32),
        (["experiment=smoke", "data=translation", "model=lstm"], 32),
        (["experiment=language_id", "model=lstm_attention"], 64),
        (["experiment=regression", "model.size=nano"], 32),
        (["experiment=digits", "model.size=nano"], 32),
    ],
)
def test_an_experiment_names_a_size_that_every_family_has(overrides: list[str], width: int) -> None:
    assert check_config(*compose_config(overrides))["model"]["d_model"] == width


MINE = """
from torch import nn

class Mine(nn.Module):
    def __init__(self, *, vocab_size: int, size: str | None, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, width)
"""


def test_an_experiment_fits_a_model_of_ones_own_that_has_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_sized_model.py").write_text(MINE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("TUNEFORMER_ALLOW", "my_sized_model.*")
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "mine.yaml").write_text(
        "_target_: my_sized_model.Mine\nvocab_size: ${data.vocab_size}\n"
        "size: null\nwidth: ${by_size:${.size},16,{nano:8}}\n",
        encoding="utf-8",
    )
    config = checked_config(["experiment=smoke", "model=mine"], tmp_path / "conf")
    model = build_model(config["model"], config["attention"], needs={"vocab_size": 5})
    assert [tuple(parameter.shape) for parameter in model.parameters()] == [(5, 8)]


def test_a_width_is_still_a_number() -> None:
    with pytest.raises(UserError, match=r"model\.d_model=wide must be a whole number"):
        model_of("model.d_model=wide")
