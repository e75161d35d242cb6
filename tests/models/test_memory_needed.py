"""What a machine cannot hold is refused before it is built."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import nn

from tuneformer.checks.config import checked_config
from tuneformer.errors import UserError
from tuneformer.models.build import plan_model
from tuneformer.models.memory_needed import ModelPlan

pytestmark = pytest.mark.fast

built: list[str] = []


def build(settings: Mapping[str, Any]) -> nn.Module:
    built.append(torch.get_default_device().type)
    d_model = settings["d_model"]
    shapes = [(settings["vocab_size"], d_model), *[(d_model, d_model)] * settings["n_layers"]]
    return nn.ParameterList(nn.Parameter(torch.empty(shape)) for shape in shapes)


def plan(**settings: int) -> ModelPlan:
    built.clear()
    return ModelPlan(settings=settings, attention={}, build=build)


def test_what_is_too_large_is_told_with_its_size_and_what_to_lower() -> None:
    with pytest.raises(UserError) as error:
        plan(d_model=64, n_layers=4, vocab_size=10**13).check_fits()
    numbers = 64 * 10**13 + 4 * 64**2
    assert f"need at least {(numbers * 4 + 4 * 2**16) / 2**30:,.1f} GiB" in str(error.value)
    assert str(error.value).endswith("lower model.d_model=64 or model.n_layers=4")  # the data say the rest
    assert built == ["meta", "meta"]


def test_what_is_too_wide_is_not_built_to_be_counted() -> None:
    with pytest.raises(UserError) as error:
        plan(d_model=10_000_000, n_layers=4, vocab_size=256).check_fits()
    assert f"need at least {4 * 10**14 * 4 / 2**30:,.1f} GiB" in str(error.value)
    assert "lower model.d_model=10000000 or model.n_layers=4" in str(error.value)
    assert built == []


def test_many_layers_are_not_built_to_be_counted() -> None:
    with pytest.raises(UserError, match=r"lower model\.n_layers=10000000 or model\.d_model=1$"):
        plan(d_model=1, n_layers=10**7, vocab_size=256).check_fits()
    assert len(built) == 2


def test_a_size_beyond_64_bits_is_one_line() -> None:
    with pytest.raises(UserError, match=r"model\.vocab_size=1\.000e\+30 cannot be built"):
        plan(d_model=8, n_layers=1, vocab_size=10**30).check_fits()


def test_what_is_longer_than_all_layers_are_wide_is_named_as_it_is_set() -> None:
    assert plan(d_model=64, n_layers=2, context_length=10**8).to_lower == (
        "data.context_length=100000000 or model.d_model=64"
    )
    assert plan(d_model=64, n_layers=2, context_length=100).to_lower == "model.d_model=64 or model.n_layers=2"


def test_what_is_small_is_not_built_at_all_and_what_fits_passes() -> None:
    plan(d_model=64, n_layers=4, vocab_size=256).check_fits()
    assert built == []
    before = torch.get_rng_state()
    plan(d_model=64, n_layers=4, vocab_size=50_000).check_fits()
    assert built == ["meta", "meta"]
    assert torch.equal(torch.get_rng_state(), before)


def test_what_is_counted_of_one_and_two_layers_holds_for_all() -> None:
    counted = plan(d_model=8, n_layers=5, vocab_size=11).numbers()
    assert counted.held == counted.trained == 11 * 8 + 5 * 8**2


@pytest.mark.parametrize("positions", ["rope", "sinusoidal", "learned"])
def test_a_table_that_no_machine_holds_is_counted_and_not_computed(positions: str) -> None:
    settings = ["experiment=smoke", f"model.positions={positions}", f"model.context_length={10**12}"]
    config = checked_config(settings)
    with pytest.raises(
        UserError, match=r"^the model's weights need .*: lower data\.context_length=10{12} or "
    ):
        plan_model(config["model"], config["attention"], needs={"vocab_size": 8}).check_fits()
