import pytest
import torch
from torch import Tensor

from tuneformer.measures.loss_slice import filter_normalised_direction, loss_along, loss_plane

pytestmark = pytest.mark.fast


def parameters() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = ((4, 3), (4,), (2, 3, 3))
    return [torch.randn(shape, dtype=torch.float64, generator=generator) * 5 for shape in shapes]


def test_every_filter_of_a_direction_has_the_length_of_the_weights_and_vectors_do_not_move() -> None:
    weights = parameters()
    matrix, vector, kernel = filter_normalised_direction(weights, seed=3)
    torch.testing.assert_close(matrix.norm(dim=1), weights[0].norm(dim=1))
    torch.testing.assert_close(kernel.flatten(1).norm(dim=1), weights[2].flatten(1).norm(dim=1))
    assert (vector == 0).all()
    scaled = filter_normalised_direction([7 * w for w in weights], seed=3)
    torch.testing.assert_close(scaled[0], 7 * matrix)
    assert not torch.equal(filter_normalised_direction(weights, seed=4)[0], matrix)


def test_of_a_quadratic_the_slice_is_a_parabola_and_the_plane_a_paraboloid() -> None:
    weights = parameters()
    before = [w.clone() for w in weights]
    d, e = (filter_normalised_direction(weights, seed=seed) for seed in (1, 2))

    def loss() -> Tensor:
        return sum((w.square().sum() for w in weights), torch.zeros(())) / 2

    def dot(a: list[Tensor], b: list[Tensor]) -> float:
        return float(sum((x * y).sum() for x, y in zip(a, b, strict=True)))

    at, across = [-1.0, -0.25, 0.0, 0.5], [-0.5, 0.0, 2.0]
    line = loss_along(loss, weights, d, at=at)
    expected = [dot(before, before) / 2 + a * dot(before, d) + a**2 * dot(d, d) / 2 for a in at]
    torch.testing.assert_close(line, torch.tensor(expected, dtype=torch.float64))
    plane = loss_plane(loss, weights, d, e, at=at, across=across)
    for i, a in enumerate(at):
        for j, b in enumerate(across):
            there = expected[i] + b * dot(before, e) + a * b * dot(d, e) + b**2 * dot(e, e) / 2
            assert plane[i, j].item() == pytest.approx(there)
    assert line[2] == plane[2, 1] == loss(), "the centre is the loss"
    assert all(torch.equal(one, other) for one, other in zip(weights, before, strict=True))


def test_an_error_leaves_the_weights_where_they_were() -> None:
    weights = parameters()
    before = [w.clone() for w in weights]

    def loss() -> Tensor:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        loss_along(loss, weights, filter_normalised_direction(weights, seed=1), at=[0.5])
    assert all(torch.equal(one, other) for one, other in zip(weights, before, strict=True))
