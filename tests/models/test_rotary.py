import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.models.attention.modules import position_scheme
from tuneformer.errors import UserError
from tuneformer.models.rotary import (
    RotaryPositions,
    ntk_frequencies,
    rope_frequencies,
    rotate_complex,
    rotate_real,
    yarn_frequencies,
    yarn_magnitude,
)
from tuneformer.models.settings import ROTATING

pytestmark = pytest.mark.fast


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def rope(head_dim: int, *, base: float, n_positions: int = 8) -> RotaryPositions:
    frequencies = rope_frequencies(head_dim, base=base)
    return RotaryPositions(frequencies=frequencies, magnitude=1.0, n_positions=n_positions)


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
    positions = rope(6, base=100.0).double()
    q, k = drawn(2, 5, 3, 6), drawn(2, 5, 1, 6)
    rotated_q, rotated_k = positions(q, k, start)
    np.testing.assert_allclose(rotated_q.numpy(), rotated_by_loops(q, start, 100.0), atol=1e-12)
    np.testing.assert_allclose(rotated_k.numpy(), rotated_by_loops(k, start, 100.0), atol=1e-12)


def test_rope_products_depend_on_the_distance_only_and_norms_are_kept() -> None:
    positions = rope(8, base=10000.0, n_positions=32).double()
    q = drawn(1, 1, 1, 8).expand(1, 32, 1, 8)
    k = drawn(2, 1, 1, 8)[1:].expand(1, 32, 1, 8)
    rotated_q, rotated_k = positions(q, k, 0)
    products = (rotated_q[0, :, 0] @ rotated_k[0, :, 0].T).numpy()
    for distance in range(-31, 32):
        diagonal = np.diagonal(products, offset=distance)
        np.testing.assert_allclose(diagonal, diagonal[0], atol=1e-12)
    assert abs(products[0, 5] - products[5, 0]) > 1e-3, "the direction of the distance counts"
    torch.testing.assert_close(rotated_q.norm(dim=-1), q.norm(dim=-1), rtol=1e-12, atol=0)


def test_real_and_complex_rotation_agree_in_value_and_gradient() -> None:
    table = rope(6, base=100.0, n_positions=5).double().table.unsqueeze(1)
    one, other = drawn(2, 5, 3, 6).requires_grad_(), drawn(2, 5, 3, 6).requires_grad_()
    by_real, by_complex = rotate_real(one, table), rotate_complex(other, table)
    torch.testing.assert_close(by_real, by_complex, rtol=0, atol=1e-14)
    by_real.pow(3).sum().backward()
    by_complex.pow(3).sum().backward()
    torch.testing.assert_close(one.grad, other.grad, rtol=0, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_rope_table_stays_in_float32_when_the_model_is_cast_down(dtype: torch.dtype) -> None:
    positions = rope(64, base=10000.0, n_positions=1000).to(dtype)
    x = drawn(1, 1000, 1, 64).to(dtype)
    rotated = positions(x, x, 0)[0]
    assert rotated.dtype == dtype
    expected = rotated_by_loops(x.double(), 0, 10000.0)
    # only the result is rounded: a table in bfloat16 would be wrong by 4 radians at position 1000
    np.testing.assert_allclose(rotated.double().numpy(), expected, atol=4 * torch.finfo(dtype).eps)


def test_rotation_grows_beyond_its_table() -> None:
    short, long = (rope(4, base=10.0, n_positions=n) for n in (3, 9))
    x = drawn(1, 6, 1, 4)
    torch.testing.assert_close(short(x, x, 3), long(x, x, 3), rtol=0, atol=0)


def test_partial_rope_leaves_the_end_of_a_head_as_it_is() -> None:
    positions = position_scheme("partial_rope").head_positions(head_dim=12)
    assert positions is not None
    x = drawn(2, 5, 3, 12)
    rotated = positions.double()(x, x, 2)[0]
    np.testing.assert_allclose(rotated[..., :6].numpy(), rotated_by_loops(x[..., :6], 2, 10.0), atol=1e-12)
    torch.testing.assert_close(rotated[..., 6:], x[..., 6:], rtol=0, atol=0)


@pytest.mark.parametrize("dim", [2, 8])
def test_scaling_by_one_is_rope(dim: int) -> None:
    plain = rope_frequencies(dim, base=100.0)
    assert ntk_frequencies(dim, base=100.0, scale=1.0) == pytest.approx(plain)
    scaled = yarn_frequencies(dim, base=100.0, scale=1.0, trained_context=64.0)
    assert scaled == pytest.approx(plain)
    assert yarn_magnitude(1.0) == 1


def test_ntk_keeps_the_fastest_pair_and_stretches_the_slowest_by_the_scale() -> None:
    plain, stretched = rope_frequencies(8, base=1e4), ntk_frequencies(8, base=1e4, scale=4.0)
    assert stretched[0] == plain[0] == 1
    assert stretched[-1] == pytest.approx(plain[-1] / 4)
    assert all(mine < theirs for mine, theirs in zip(stretched[1:], plain[1:], strict=True))
    for i in range(4):  # the paper's new base, 10000 * 4^(8/6)
        assert stretched[i] == pytest.approx((1e4 * 4 ** (8 / 6)) ** (-2 * i / 8))


@pytest.mark.parametrize(
    ("dim", "base", "context", "first", "last"),
    [
        (64, 1e4, 4096.0, 10, 23),  # DeepSeek-V2's
        (128, 1e4, 4096.0, 20, 46),  # LLaMA 2's
        (8, 1e4, 256.0, 0, 2),
    ],
)
def test_yarn_interpolates_between_the_pairs_of_the_authors_code(
    dim: int, base: float, context: float, first: int, last: int
) -> None:
    frequencies = yarn_frequencies(dim, base=base, scale=8.0, trained_context=context)
    plain = base ** (-2 * np.arange(dim // 2) / dim)
    kept = 1 - np.clip((np.arange(dim // 2) - first) / (last - first), 0, 1)
    np.testing.assert_allclose(frequencies, plain / 8 * (1 - kept) + plain * kept, rtol=1e-14)
    turns = context * plain / (2 * np.pi)
    assert (turns[: first + 1] >= 32).all() or first == 0
    assert (turns[last:] <= 1).all()


@pytest.mark.parametrize("context", [1.0, 3.0, 7.0, 201.0])
def test_yarn_over_a_context_in_which_hardly_anything_turns_still_stretches(context: float) -> None:
    frequencies = yarn_frequencies(16, base=1e4, scale=4.0, trained_context=context)
    plain = rope_frequencies(16, base=1e4)
    ratios = [mine / theirs for mine, theirs in zip(frequencies, plain, strict=True)]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[-1] == pytest.approx(1 / 4)


def test_yarn_without_a_falling_speed_of_pairs_is_refused() -> None:
    with pytest.raises(UserError, match=r"model\.rope_base=1\.0 must be greater than 1"):
        yarn_frequencies(8, base=1.0, scale=2.0, trained_context=64.0)


def test_yarn_multiplies_logits_by_the_square_of_its_magnitude() -> None:
    positions = position_scheme("yarn").head_positions(head_dim=4)
    assert positions is not None
    x = drawn(1, 1, 1, 4)
    q, k = positions.double()(x, x, 0)
    torch.testing.assert_close((q * k).sum(), x.square().sum() * (0.1 * math.log(2) + 1) ** 2)


@pytest.mark.parametrize("name", [name for name in ROTATING if name != "partial_rope"])
def test_an_odd_head_dimension_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=rf"model\.positions={name} .* must be even, not 5 .*model\.d_model"):
        position_scheme(name).head_positions(head_dim=5)


def test_a_fraction_of_less_than_a_pair_is_refused() -> None:
    with pytest.raises(UserError, match=r"model\.rope_fraction=0\.5 of it a pair or more"):
        position_scheme("partial_rope").head_positions(head_dim=1)
