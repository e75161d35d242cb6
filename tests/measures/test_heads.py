"""What heads write, how alike they are, and what they copy."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.measures.maps import causal, drawn_map, looks_at
from tuneformer.measures.attention_shares import uniform_attention
from tuneformer.measures.gradient_attention import gradient_times_attention, relevance
from tuneformer.measures.head_outputs import (
    head_outputs,
    map_overlap,
    mean_of_pairs,
    norm_weighted,
    output_similarity,
)
from tuneformer.measures.ov_circuit import copying_deviation_of_noise, copying_score

pytestmark = pytest.mark.fast


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_heads_add_up_to_the_output_and_norms_are_those_of_the_vectors() -> None:
    weights, values, output = drawn_map(2, 3, 6, 6), normal(2, 3, 6, 4), normal(12, 12, seed=1)
    written = head_outputs(weights @ values, output)
    joined = (weights @ values).transpose(1, 2).flatten(2)
    torch.testing.assert_close(written.sum(dim=1), joined @ output.T)
    vectors = np.einsum("bhqk,bhkv,dhv->bhqkd", weights, values, output.view(12, 3, 4))
    np.testing.assert_allclose(vectors.sum(axis=3), written.numpy(), atol=1e-12)
    lengths = np.linalg.norm(vectors, axis=-1)
    np.testing.assert_allclose(norm_weighted(weights, values, output).numpy(), lengths, rtol=1e-10)


def test_a_sink_of_short_values_shrinks() -> None:
    weights, values = torch.full((1, 1, 4, 4), 0.1), normal(1, 1, 4, 3).float()
    weights[..., 0] = 0.7
    values[:, :, 0] *= 1e-3
    weighted = norm_weighted(weights, values, torch.eye(3))
    assert (weighted.argmax(dim=-1) != 0).all()


def test_duplicate_heads_are_alike_and_others_less() -> None:
    outputs = normal(2, 1, 50, 8).repeat(1, 3, 1, 1)
    assert mean_of_pairs(output_similarity(outputs)) == pytest.approx(1)
    opposed = torch.cat([outputs[:, :1], -outputs[:, :1]], dim=1)
    assert mean_of_pairs(output_similarity(opposed)) == pytest.approx(-1)
    independent = mean_of_pairs(output_similarity(normal(2, 2, 500, 64)))
    assert abs(independent) < 4 / math.sqrt(64 * 1000)
    maps = drawn_map(2, 1, 6, 6, allowed=causal(6)).repeat(1, 3, 1, 1)
    assert mean_of_pairs(map_overlap(maps)) == pytest.approx(1)
    apart = torch.cat(
        [looks_at([0, 0, 0]), looks_at([1, 2, 1]), uniform_attention(None, looks_at([0] * 3))], 1
    )
    expected = [[1, 0, 1 / 3], [0, 1, 1 / 3], [1 / 3, 1 / 3, 1]]
    torch.testing.assert_close(map_overlap(apart), torch.tensor(expected, dtype=torch.float64))
    assert math.isnan(mean_of_pairs(torch.ones(1, 1)))


def test_an_identity_copies_and_its_negative_does_the_opposite() -> None:
    embedding = normal(30, 6)
    value = torch.eye(6, dtype=torch.float64).expand(2, 6, 6)
    output = torch.stack([torch.eye(6), -torch.eye(6)]).double()
    score = copying_score(value, output, embedding, embedding)
    torch.testing.assert_close(score, torch.tensor([1.0, -1.0], dtype=torch.float64))


def test_copying_is_of_the_eigenvalues_of_the_whole_circuit() -> None:
    value, output = normal(3, 4, 10), normal(3, 10, 4, seed=1)
    embedding, unembedding = normal(25, 10, seed=2), normal(25, 10, seed=3)
    scores = copying_score(value, output, embedding, unembedding)
    for head in range(3):
        circuit = unembedding.numpy() @ output[head].numpy() @ value[head].numpy() @ embedding.numpy().T
        values = np.linalg.eigvals(circuit)
        expected = values.sum().real / np.abs(values).sum()
        assert scores[head].item() == pytest.approx(expected, abs=1e-8)
    assert copying_score(value, 0 * output, embedding, unembedding).isnan().all()


def test_random_heads_copy_nothing_within_the_deviation_of_noise() -> None:
    value, output = normal(400, 16, 128), normal(400, 128, 16, seed=1)
    scores = copying_score(value, output, torch.eye(128), torch.eye(128))
    assert abs(scores.mean().item()) < 4 * copying_deviation_of_noise(16) / math.sqrt(400)
    assert scores.std().item() == pytest.approx(copying_deviation_of_noise(16), rel=0.15)


def test_gradient_times_attention_adds_up_to_what_is_linear_in_attention() -> None:
    weights, values, direction = drawn_map(2, 3, 5, 5), normal(2, 3, 5, 4), normal(2, 3, 5, 4, seed=1)
    weights.requires_grad_()
    y = ((weights @ values) * direction).sum()
    (gradient,) = torch.autograd.grad(y, weights)
    torch.testing.assert_close(gradient_times_attention(weights, gradient).sum(), y)
    # one layer: I, and the mean over heads of what is positive
    positive = np.maximum(weights.detach().numpy() * gradient.numpy(), 0).mean(axis=1)
    one = relevance([(weights.detach(), gradient)])
    np.testing.assert_allclose(one.numpy(), np.eye(5) + positive)
    two = relevance([(weights.detach(), gradient)] * 2)
    np.testing.assert_allclose(two.numpy(), one.numpy() + positive @ one.numpy())
