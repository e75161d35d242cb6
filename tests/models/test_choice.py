import pytest

from tuneformer.errors import UserError
from tuneformer.models.choice import choose

pytestmark = pytest.mark.fast


def test_a_known_name_gives_its_value() -> None:
    assert choose("model.norm", "b", {"a": 1, "b": 2}) == 2


def test_an_unknown_name_is_refused_with_all_names_and_the_nearest() -> None:
    with pytest.raises(UserError) as error:
        choose("model.norm", "rmsnorm", {"rms_norm": 1, "layer_norm": 2})
    assert str(error.value) == (
        "model.norm=rmsnorm must be one of rms_norm, layer_norm (did you mean rms_norm?)"
    )
