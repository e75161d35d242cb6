"""The size of an optimizer's state."""

import pytest
import torch
from torch import nn

from tuneformer.optim.state import state_bytes

pytestmark = pytest.mark.fast


def test_state_is_counted_in_every_nesting() -> None:
    weight = nn.Parameter(torch.zeros(3, 4))
    optimizer = torch.optim.SGD([weight])
    half, whole = torch.zeros(5, dtype=torch.bfloat16), torch.zeros(7)
    optimizer.state[weight] = {"a": half, "parts": [(whole, None), {"step": 3, "b": whole}]}
    assert state_bytes(optimizer) == 5 * 2 + 2 * 7 * 4


def test_adam_keeps_two_moments_and_a_step() -> None:
    weight = nn.Parameter(torch.zeros(3, 4))
    optimizer = torch.optim.Adam([weight])
    assert state_bytes(optimizer) == 0
    weight.sum().backward()
    optimizer.step()
    assert state_bytes(optimizer) == 2 * weight.nbytes + 4
