import math

import pytest
import torch

from tests.models.attention.modules import position_scheme
from tuneformer.errors import UserError
from tuneformer.models.positions import LearnedPositions, SinusoidalPositions
from tuneformer.models.settings import POSITIONS, ROTATING

pytestmark = pytest.mark.fast


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


def test_sinusoidal_positions_grow_beyond_their_table() -> None:
    short, long = (SinusoidalPositions(d_model=4, n_positions=n) for n in (3, 9))
    torch.testing.assert_close(short(0, 9), long(0, 9), rtol=0, atol=0)


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


@pytest.mark.parametrize("name", POSITIONS)
def test_a_scheme_puts_positions_into_one_place(name: str) -> None:
    scheme = position_scheme(name)
    places = [
        scheme.embedding(d_model=4) is not None,
        scheme.head_positions(head_dim=4) is not None,
        scheme.logit_bias(n_heads=2, causal=True) is not None,
    ]
    assert places == [name in ("learned", "sinusoidal"), name in ROTATING, name in ("alibi", "t5")]


def test_unknown_positions_are_refused() -> None:
    scheme = position_scheme("ropes")
    for make in (
        lambda: scheme.head_positions(head_dim=4),
        lambda: scheme.embedding(d_model=4),
        lambda: scheme.logit_bias(n_heads=2, causal=True),
    ):
        with pytest.raises(UserError, match=r"model\.positions=ropes must be one of .* mean rope"):
            make()
