import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tuneformer.errors import UserError
from tuneformer.models.positions import (
    LearnedPositions,
    RotaryPositions,
    SinusoidalPositions,
    make_head_positions,
    make_position_embedding,
    rotate_complex,
    rotate_real,
)

pytestmark = pytest.mark.fast


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def rotated_by_loops(x: Tensor, start: int, base: float) -> np.ndarray:
    """The block-diagonal rotation matrix of 2104.09864 (15), a pair at a time."""
    y = np.zeros(x.shape)
    _, n_tokens, _, dim = x.shape
    for time in range(n_tokens):
        for i in range(dim // 2):
            angle = (start + time) * base ** (-2 * i / dim)
            matrix = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
            y[:, time, :, 2 * i : 2 * i + 2] = x[:, time, :, 2 * i : 2 * i + 2].numpy() @ np.array(matrix).T
    return y


@pytest.mark.parametrize("start", [0, 3])
def test_rope_turns_each_pair_by_its_angle(start: int) -> None:
    rope = RotaryPositions(head_dim=6, n_positions=8, base=100.0).double()
    q, k = drawn(2, 5, 3, 6), drawn(2, 5, 1, 6)
    rotated_q, rotated_k = rope(q, k, start)
    np.testing.assert_allclose(rotated_q.numpy(), rotated_by_loops(q, start, 100.0), atol=1e-12)
    np.testing.assert_allclose(rotated_k.numpy(), rotated_by_loops(k, start, 100.0), atol=1e-12)


def test_rope_products_depend_on_the_distance_only_and_norms_are_kept() -> None:
    rope = RotaryPositions(head_dim=8, n_positions=32, base=10000.0).double()
    q = drawn(1, 1, 1, 8).expand(1, 32, 1, 8)
    k = drawn(2, 1, 1, 8)[1:].expand(1, 32, 1, 8)
    rotated_q, rotated_k = rope(q, k, 0)
    products = (rotated_q[0, :, 0] @ rotated_k[0, :, 0].T).numpy()
    for distance in range(-31, 32):
        diagonal = np.diagonal(products, offset=distance)
        np.testing.assert_allclose(diagonal, diagonal[0], atol=1e-12)
    assert abs(products[0, 5] - products[5, 0]) > 1e-3, "the direction of the distance counts"
    torch.testing.assert_close(rotated_q.norm(dim=-1), q.norm(dim=-1), rtol=1e-12, atol=0)


def test_real_and_complex_rotation_agree_in_value_and_gradient() -> None:
    table = RotaryPositions(head_dim=6, n_positions=5, base=100.0).double().table.unsqueeze(1)
    one, other = drawn(2, 5, 3, 6).requires_grad_(), drawn(2, 5, 3, 6).requires_grad_()
    by_real, by_complex = rotate_real(one, table), rotate_complex(other, table)
    torch.testing.assert_close(by_real, by_complex, rtol=0, atol=1e-14)
    by_real.pow(3).sum().backward()
    by_complex.pow(3).sum().backward()
    torch.testing.assert_close(one.grad, other.grad, rtol=0, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_rope_table_stays_in_float32_when_the_model_is_cast_down(dtype: torch.dtype) -> None:
    rope = RotaryPositions(head_dim=64, n_positions=1000, base=10000.0).to(dtype)
    x = drawn(1, 1000, 1, 64).to(dtype)
    rotated = rope(x, x, 0)[0]
    assert rotated.dtype == dtype
    expected = rotated_by_loops(x.double(), 0, 10000.0)
    # only the result is rounded: a table in bfloat16 would be wrong by 4 radians at position 1000
    np.testing.assert_allclose(rotated.double().numpy(), expected, atol=4 * torch.finfo(dtype).eps)


def test_sinusoidal_positions_are_the_papers() -> None:
    table = SinusoidalPositions(d_model=6, n_positions=10).double()(2, 5).numpy()
    for row, position in enumerate(range(2, 7)):
        for i in range(3):
            angle = position / 10000 ** (2 * i / 6)
            assert table[row, 2 * i] == pytest.approx(math.sin(angle), abs=1e-12)
            assert table[row, 2 * i + 1] == pytest.approx(math.cos(angle), abs=1e-12)


def test_sinusoidal_positions_fit_an_odd_width() -> None:
    odd = SinusoidalPositions(d_model=5, n_positions=4)(0, 4)
    assert odd.shape == (4, 5)
    torch.testing.assert_close(odd[:, 4].double(), (torch.arange(4) / 10000 ** (4 / 5)).sin().double())


def test_computed_positions_grow_beyond_their_table() -> None:
    short, long = (SinusoidalPositions(d_model=4, n_positions=n) for n in (3, 9))
    torch.testing.assert_close(short(0, 9), long(0, 9), rtol=0, atol=0)
    short, long = (RotaryPositions(head_dim=4, n_positions=n, base=10.0) for n in (3, 9))
    x = drawn(1, 6, 1, 4)
    torch.testing.assert_close(short(x, x, 3), long(x, x, 3), rtol=0, atol=0)


def test_position_tables_are_not_saved_and_survive_the_meta_device() -> None:
    expected = SinusoidalPositions(d_model=4, n_positions=5)
    with torch.device("meta"):
        positions = SinusoidalPositions(d_model=4, n_positions=5)
    assert positions.table.is_meta
    assert not positions.state_dict()
    torch.testing.assert_close(positions.to_empty(device="cpu").table, expected.table, rtol=0, atol=0)


def test_learned_positions_are_rows_of_their_matrix() -> None:
    positions = LearnedPositions(d_model=2, n_positions=4)
    with torch.no_grad():
        positions.weight.copy_(torch.arange(8.0).view(4, 2))
    assert positions(1, 2).tolist() == [[2, 3], [4, 5]]


def test_more_tokens_than_learned_positions_are_refused() -> None:
    with pytest.raises(UserError, match=r"data\.context_length=4 with model\.positions=learned .* 5 tokens"):
        LearnedPositions(d_model=2, n_positions=4)(3, 2)


def test_rope_refuses_an_odd_head_dimension() -> None:
    with pytest.raises(UserError, match=r"model\.positions=rope .* must be even, not 5 .*model\.d_model"):
        make_head_positions("rope", head_dim=5, n_positions=4, base=10.0)


@pytest.mark.parametrize("name", ["learned", "sinusoidal", "none"])
def test_only_rope_changes_queries_and_keys(name: str) -> None:
    assert make_head_positions(name, head_dim=5, n_positions=4, base=10.0) is None
    assert (make_position_embedding(name, d_model=4, n_positions=4) is None) == (name == "none")


def test_unknown_positions_are_refused() -> None:
    for make in (
        lambda: make_head_positions("ropes", head_dim=4, n_positions=4, base=10.0),
        lambda: make_position_embedding("ropes", d_model=4, n_positions=4),
    ):
        with pytest.raises(UserError, match=r"model\.positions=ropes must be one of .* mean rope"):
            make()
