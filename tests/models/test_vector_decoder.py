"""A decoder over real vectors."""

import pytest
import torch

from tests.models.families import randomised, small_model

pytestmark = pytest.mark.fast


@pytest.mark.parametrize("positions", ["rope", "learned", "sinusoidal", "none"])
def test_no_output_knows_of_the_vectors_after_it(positions: str) -> None:
    model = randomised(small_model("vector_decoder", positions=positions))
    vectors = torch.randn(2, 9, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    before = model(vectors)
    vectors[:, 5:] += 1.0
    after = model(vectors)
    assert torch.equal(before[:, :5], after[:, :5])
    assert not torch.isclose(before[:, 5:], after[:, 5:]).all(dim=-1).any()


def test_without_layers_it_is_two_linear_maps_around_a_norm() -> None:
    model = randomised(small_model("vector_decoder", n_layers=0))
    vectors = torch.randn(1, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    x = vectors @ model.vector_embedding.weight.T + model.vector_embedding.bias
    x = x / (x.square().mean(dim=-1, keepdim=True) + model.norm.eps).sqrt() * model.norm.weight
    torch.testing.assert_close(model(vectors), x @ model.output.weight.T + model.output.bias)


@pytest.mark.parametrize("scheme", ["gpt2", "xavier", "zero_output", "depth_scaled"])
def test_a_seed_gives_the_same_weights(scheme: str) -> None:
    first, second = (small_model("vector_decoder", seed=3, initialization=scheme) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert first(torch.ones(2, 12, 4)).shape == (2, 12, 2)
