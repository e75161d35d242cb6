"""The size of an optimizer's state."""

import pytest
import torch
from torch import nn

from tuneformer.optim.state import check_state_fits, keep_state_types, state_bytes

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


@pytest.mark.parametrize("optimizer", ["Adam", "AdamW", "SGD", "Adagrad"])
def test_a_state_that_is_not_of_its_parameter_is_refused_before_a_fused_step_writes_behind_it(
    optimizer: str,
) -> None:
    weight = nn.Parameter(torch.zeros(3, 4))
    momentum = {"momentum": 0.9} if optimizer == "SGD" else {}
    build = getattr(torch.optim, optimizer)([weight], lr=0.1, **momentum)
    check_state_fits(build)
    weight.sum().backward()
    build.step()
    check_state_fits(build)
    state = build.state[weight]
    for name in state:
        good = state[name]
        for wrong in (torch.zeros(3), torch.zeros(4, 3), torch.zeros(3, 4).int(), "x", 1.0, [good]):
            state[name] = wrong
            with pytest.raises(
                TypeError, match=f"^the state of parameter 0 of a group has {name} that is no"
            ):
                check_state_fits(build)
        state[name] = good


def test_of_a_matrix_that_is_taken_apart_each_part_has_its_own_rows() -> None:
    weight = nn.Parameter(torch.zeros(6, 4))
    optimizer = torch.optim.Adam([{"params": [weight], "row_parts": [1, 2], "name": "gates"}])
    optimizer.state[weight] = {
        "part_0": {"exp_avg": torch.zeros(2, 4)},
        "part_1": {"exp_avg": torch.zeros(4, 4)},
    }
    check_state_fits(optimizer)
    optimizer.state[weight]["part_0"]["exp_avg"] = torch.zeros(4, 4)
    with pytest.raises(TypeError, match=r"^the state of parameter 0 of gates has exp_avg that is no"):
        check_state_fits(optimizer)
