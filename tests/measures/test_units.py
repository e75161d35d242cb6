import pytest
import torch

from tuneformer.measures.units import dead_units

pytestmark = pytest.mark.fast


def test_units_that_are_silent_on_every_token_are_counted() -> None:
    relu = torch.randn(5, 7, 8, generator=torch.Generator().manual_seed(0)).relu()
    assert dead_units(relu) == 0
    relu[..., [1, 4]] = 0
    assert dead_units(relu) == 2 / 8
    relu[3, 2, 4] = 5.0  # one token is enough
    assert dead_units(relu) == 1 / 8


def test_a_gelu_unit_far_on_its_flat_side_is_dead_whatever_the_scale() -> None:
    before = torch.randn(100, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    before[:, 2] -= 6
    hidden = torch.nn.functional.gelu(before)
    assert (hidden[:, 2] != 0).any()
    assert dead_units(hidden) == dead_units(1e-6 * hidden) == pytest.approx(1 / 6)
    assert dead_units(torch.zeros(3, 4)) == 1
