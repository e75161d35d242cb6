"""What a machine cannot hold is refused before it is built."""

import pytest
import torch
from torch import nn

from tuneformer.errors import UserError
from tuneformer.models import memory_needed
from tuneformer.models.memory_needed import available_bytes, check_memory

pytestmark = pytest.mark.fast

built: list[str] = []


def build(settings: memory_needed.Settings) -> nn.Module:
    built.append(torch.get_default_device().type)
    d_model = settings["d_model"]
    shapes = [(settings["vocab_size"], d_model), *[(d_model, d_model)] * settings["n_layers"]]
    return nn.ParameterList(nn.Parameter(torch.empty(shape)) for shape in shapes)


def test_what_is_too_large_is_told_with_its_size_and_its_largest_setting() -> None:
    built.clear()
    with pytest.raises(UserError) as error:
        check_memory({"d_model": 64, "n_layers": 4, "vocab_size": 10**13}, {}, build)
    numbers = 64 * 10**13 + 4 * 64**2
    assert f"need {(numbers * 4 + 4 * 2**16) / 2**30:,.1f} GiB" in str(error.value)
    assert "lower model.vocab_size=10000000000000 or model.n_layers=4" in str(error.value)
    assert built == ["meta", "meta"]


def test_what_is_too_wide_is_not_built_to_be_counted() -> None:
    built.clear()
    with pytest.raises(UserError) as error:
        check_memory({"d_model": 10_000_000, "n_layers": 4, "vocab_size": 256}, {}, build)
    assert f"need at least {4 * 10**14 * 4 / 2**30:,.1f} GiB" in str(error.value)
    assert "lower model.d_model=10000000 or model.n_layers=4" in str(error.value)
    assert built == []


def test_many_layers_are_not_built_to_be_counted() -> None:
    built.clear()
    with pytest.raises(UserError, match=r"model\.n_layers=10000000"):
        check_memory({"d_model": 1, "n_layers": 10**7, "vocab_size": 256}, {}, build)
    assert len(built) == 2


def test_a_size_beyond_64_bits_is_one_line() -> None:
    with pytest.raises(UserError, match=r"model\.vocab_size=1\.000e\+30 cannot be built"):
        check_memory({"d_model": 8, "n_layers": 1, "vocab_size": 10**30}, {}, build)


def test_what_is_small_is_not_built_at_all_and_what_fits_passes() -> None:
    built.clear()
    check_memory({"d_model": 64, "n_layers": 4, "vocab_size": 256}, {"rank": 8}, build)
    assert built == []
    before = torch.get_rng_state()
    check_memory({"d_model": 64, "n_layers": 4, "vocab_size": 50_000}, {}, build)
    assert built == ["meta", "meta"]
    assert torch.equal(torch.get_rng_state(), before)


def test_the_memory_that_is_left_is_told_by_the_system() -> None:
    there = available_bytes()
    assert there is not None
    assert 2**20 < there < 2**50
