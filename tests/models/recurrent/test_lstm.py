import math
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tuneformer.models.recurrent.lstm import Lstm, LstmCell, LstmEncoder

pytestmark = pytest.mark.fast


def run(x: Tensor, weights: Mapping[str, Tensor], suffix: str) -> tuple[Tensor, Tensor]:
    """States (time, width) and the last cell of one layer by the equations; x is (time, input)."""
    w_ih, w_hh, b_ih, b_hh = (
        weights[f"{kind}_{suffix}"] for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    h = c = torch.zeros(w_hh.shape[1], dtype=x.dtype)
    states = []
    for x_t in x:
        i, f, g, o = (w_ih @ x_t + b_ih + w_hh @ h + b_hh).chunk(4)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        states.append(h)
    return torch.stack(states), c


def randomise(module: nn.Module) -> Any:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.double().parameters():
            parameter.copy_(torch.randn(parameter.shape, dtype=torch.float64, generator=generator))
    return module


def test_a_cell_is_the_equations() -> None:
    cell = randomise(LstmCell(3, 4))
    weights = {f"{name}_l0": p for name, p in cell.named_parameters()}
    x = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    h = c = torch.zeros(1, 4, dtype=torch.float64)
    for x_t in x:
        h, c = cell(x_t[None], (h, c))
    states, last_cell = run(x, weights, "l0")
    torch.testing.assert_close(h[0], states[-1], rtol=0, atol=1e-12)
    torch.testing.assert_close(c[0], last_cell, rtol=0, atol=1e-12)


def test_an_encoder_of_two_directions_is_the_equations_from_either_end() -> None:
    encoder = randomise(LstmEncoder(d_model=6, n_layers=2, bidirectional=True, dropout=0.0))
    weights = dict(encoder.get_submodule("lstm").named_parameters())
    x = torch.randn(3, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    lengths = (5, 3, 1)
    visible = torch.arange(5) < torch.tensor(lengths)[:, None]
    states, last = encoder(x, visible)
    for row, n in enumerate(lengths):
        below = x[row, :n]
        for layer in range(2):
            forward, forward_cell = run(below, weights, f"l{layer}")
            backward, backward_cell = run(below.flip(0), weights, f"l{layer}_reverse")
            below = torch.cat((forward, backward.flip(0)), dim=-1)
            hidden, cell = torch.cat((forward[-1], backward[-1])), torch.cat((forward_cell, backward_cell))
            torch.testing.assert_close(last.hidden[layer, row], hidden, rtol=0, atol=1e-12)
            torch.testing.assert_close(last.cell[layer, row], cell, rtol=0, atol=1e-12)
        torch.testing.assert_close(states[row, :n], below, rtol=0, atol=1e-12)
        assert (states[row, n:] == 0).all()


def test_an_encoder_of_one_direction_does_not_look_ahead() -> None:
    encoder = randomise(LstmEncoder(d_model=6, n_layers=2, bidirectional=False, dropout=0.0))
    x = torch.randn(1, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    visible = torch.ones(1, 5, dtype=torch.bool)
    changed = x.clone()
    changed[:, 3] += 1
    before, after = encoder(x, visible)[0], encoder(changed, visible)[0]
    torch.testing.assert_close(after[:, :3], before[:, :3], rtol=0, atol=0)
    assert (after[:, 3:] - before[:, 3:]).abs().amax() > 1e-3


def test_gates_begin_open_to_the_past() -> None:
    torch.default_generator.manual_seed(0)
    for module in (Lstm(32, 64, num_layers=2), LstmCell(32, 64)):
        for name, parameter in module.named_parameters():
            if name.startswith("bias"):
                expected = torch.zeros(256)
                expected[64:128] = 1.0 if "ih" in name else 0.0
                assert torch.equal(parameter, expected)
            else:
                assert 0.98 / 8 < parameter.abs().max() <= 1 / 8
                assert parameter.std().item() == pytest.approx(1 / 8 / math.sqrt(3), rel=0.03)


@pytest.mark.parametrize("bidirectional", [True, False])
def test_a_row_without_tokens_has_read_nothing(bidirectional: bool) -> None:
    torch.default_generator.manual_seed(0)
    encoder = LstmEncoder(d_model=6, n_layers=2, bidirectional=bidirectional, dropout=0.0).double()
    x = torch.randn(3, 5, 6, dtype=torch.float64)
    visible = torch.arange(5) < torch.tensor([[5], [0], [2]])
    states, last = encoder(x, visible)
    alone, last_alone = encoder(x[[0, 2]], visible[[0, 2]])
    torch.testing.assert_close(states[[0, 2]], alone)
    torch.testing.assert_close(last.hidden[:, [0, 2]], last_alone.hidden)
    assert not states[1].any()
    assert not last.hidden[:, 1].any()
    assert not last.cell[:, 1].any()
