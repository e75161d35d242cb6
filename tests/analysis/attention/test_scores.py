"""Scores of heads against what interventions and closed forms say."""

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from rich.progress import Progress
from torch import Tensor

from tests.models.families import randomised, small_model
from tests.models.test_decoder_attention import build
from tuneformer.analysis.attention.batch import MeasuredBatch, example_losses, next_tokens
from tuneformer.analysis.attention.copying import copying_scores
from tuneformer.analysis.attention.layers import score_layers
from tuneformer.analysis.attention.scores import score_heads
from tuneformer.models.attention.explicit import explicit_attention

pytestmark = pytest.mark.fast

TOKENS = torch.randint(11, (3, 9), generator=torch.Generator().manual_seed(1))
BATCH = MeasuredBatch(inputs=(TOKENS,), targets=next_tokens(TOKENS), origin="drawn")


def test_losses_are_means_over_scored_places() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 5, dtype=torch.float64, generator=generator)
    targets = torch.tensor([[1, -100, 4], [-100, -100, 0]])
    p = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(axis=-1, keepdims=True)
    expected = [-(math.log(p[0, 0, 1]) + math.log(p[0, 2, 4])) / 2, -math.log(p[1, 2, 0])]
    assert example_losses(logits, targets).tolist() == pytest.approx(expected)
    classes = example_losses(logits[:, 0], torch.tensor([2, 3]))
    assert classes.tolist() == pytest.approx([-math.log(p[0, 0, 2]), -math.log(p[1, 0, 3])])
    real = torch.tensor([[[1.0], [math.nan]], [[2.0], [0.0]]])
    errors = example_losses(torch.zeros(2, 2, 1), real)
    assert errors.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("attention", ["multi_head", "differential"])
def test_the_loss_without_a_head_is_that_of_a_model_whose_head_gathers_nothing(attention: str) -> None:
    model = randomised(build(attention)).float()
    scores = score_heads(model, BATCH, Progress(disable=True))
    if attention == "differential":  # it norms its heads, and 0 stays 0
        assert scores.loss is not None
    for layer in (0, 1):
        for head in (0, 1):

            def without(site: object, weights: Tensor, layer: int = layer, head: int = head) -> Tensor:
                keep = torch.ones(weights.shape[1], 1, 1)
                keep[head] = 0
                return weights * keep if site == ("decoder", layer) else weights

            with torch.no_grad(), explicit_attention(model, without):
                logits = model(TOKENS)[:, :-1]
            expected = F.cross_entropy(logits.flatten(0, 1), TOKENS[:, 1:].flatten()).item()
            assert scores.loss_without(("decoder", layer), head) == pytest.approx(expected, rel=1e-4)


def test_every_score_has_its_null_baseline() -> None:
    model = randomised(build("multi_head")).float()
    scores = score_heads(model, BATCH, Progress(disable=True))
    assert set(scores.scores) == {
        "entropy",
        "sink_rate",
        "largest_logit",
        "mean_distance",
        "previous_token",
        "prefix_matching",
        "prefix_matching_random",
        "copying",
        "similarity",
        "importance",
        "ablation",
    }
    for score in scores.scores.values():
        assert score.values.keys() == score.null.keys() == {("decoder", 0), ("decoder", 1)}
    null = {key: score.null["decoder", 0] for key, score in scores.scores.items()}
    n = 9
    harmonic = sum(1 / i for i in range(1, n + 1))
    np.testing.assert_allclose(null["sink_rate"], harmonic / n, rtol=1e-5)
    np.testing.assert_allclose(null["previous_token"], (harmonic - 1) / (n - 1), rtol=1e-5)
    np.testing.assert_allclose(null["mean_distance"], (n - 1) / 4, rtol=1e-5)
    k = scores.n_repeated
    assert k is not None
    expected = sum(1 / (i + 1) for i in range(k, 2 * k)) / k
    np.testing.assert_allclose(null["prefix_matching_random"], expected, rtol=1e-5)


def test_a_head_that_copies_scores_1_and_its_opposite_minus_1() -> None:
    model: Any = build("multi_head")
    with torch.no_grad():
        model.token_embedding.weight.copy_(torch.randn(model.token_embedding.weight.shape))
        for block in model.blocks:
            block.attention.value.weight.copy_(torch.eye(model.d_model))
            block.attention.output.weight.copy_(torch.eye(model.d_model))
            block.attention.output.weight[:, model.d_model // 2 :] *= -1
    scores = copying_scores(model)
    assert scores is not None
    for score in scores.values():
        # the parts of W_E^T W_U that a head reads and writes are positive definite
        assert score.tolist() == pytest.approx([1.0, -1.0])


def test_models_without_a_circuit_of_tokens_have_no_copying_score() -> None:
    assert copying_scores(small_model("vit")) is None
    assert copying_scores(build("multi_head_latent")) is None


def test_layers_are_read_as_tokens_where_there_are_tokens() -> None:
    model = randomised(build("multi_head")).float()
    layers = score_layers(model, BATCH)["decoder"]
    with torch.no_grad():
        loss = F.cross_entropy(model(TOKENS)[:, :-1].flatten(0, 1), TOKENS[:, 1:].flatten()).item()
    assert layers["lens_loss"][-1] == pytest.approx(loss, rel=1e-5)
    assert len(layers["norm"]) == len(layers["lens_loss"]) == 3
    images = torch.randn(2, 2, 8, 8)
    vit = small_model("vit").eval()
    batch = MeasuredBatch(inputs=(images,), targets=torch.tensor([0, 1]), origin="drawn")
    assert "lens_loss" not in score_layers(vit, batch)["encoder"]
