import pytest

from tuneformer.checks import check_config
from tuneformer.config.compose import compose_config
from tuneformer.errors import UserError

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
    assert model_of("model.size=gpt2", "experiment=smoke") == (2, 2, 32)


def test_an_unknown_size_is_one_line_with_those_there_are() -> None:
    with pytest.raises(UserError) as error:
        model_of("model.size=huge")
    assert str(error.value) == "model.size=huge must be one of tiny, small, gpt2, or null"


def test_a_width_is_still_a_number() -> None:
    with pytest.raises(UserError, match=r"model\.d_model=wide must be a whole number"):
        model_of("model.d_model=wide")
