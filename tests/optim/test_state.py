"""The size of an optimizer's state."""

import pytest
import torch
from torch import nn

from tuneformer.optim.state import keep_state_types, state_bytes

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


def test_state_comes_back_in_the_type_that_it_was_saved_in() -> None:
    weight = nn.Parameter(torch.zeros(3, dtype=torch.bfloat16))
    moment = torch.tensor([1.0 + 2**-12, 2.0, 3.0])  # more digits than bfloat16 has
    saved, loaded = torch.optim.SGD([weight]), torch.optim.SGD([weight])
    saved.state[weight] = {"moment": moment, "part_0": {"square": moment.double()}, "rounded": moment.half()}
    state_dict = saved.state_dict()
    for optimizer in (saved, loaded):
        keep_state_types(optimizer)
    loaded.load_state_dict(state_dict)
    state = loaded.state[weight]
    for found, expected in (
        (state["moment"], moment),
        (state["part_0"]["square"], moment.double()),
        (state["rounded"], moment.half()),
    ):
        assert found.dtype == expected.dtype
        assert torch.equal(found, expected)
    assert state["moment"].data_ptr() != moment.data_ptr()
