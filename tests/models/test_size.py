from collections.abc import Callable

import pytest
import torch

from tuneformer.models.decoder import Decoder
from tuneformer.models.size import flops_per_token, n_parameters, n_position_parameters

pytestmark = pytest.mark.fast

Build = Callable[..., Decoder]
SMALL_RECIPE = {
    "vocab_size": 65,
    "context_length": 64,
    "n_layers": 4,
    "n_heads": 4,
    "d_model": 128,
    "norm": "layer_norm",
    "feed_forward": "gelu",
    "positions": "learned",
}


def test_small_recipe_has_its_known_number_of_parameters(decoder: Build) -> None:
    model = decoder(**SMALL_RECIPE)
    d = 128
    layer = 4 * d * d + 2 * d * 4 * d + 2 * d
    assert n_position_parameters(model) == 64 * d
    assert n_parameters(model) - n_position_parameters(model) == 65 * d + 4 * layer + d == 795_904


def test_count_includes_every_part_once(decoder: Build) -> None:
    model = decoder(
        vocab_size=11, n_layers=3, d_model=16, n_heads=2, bias=True, tie_embeddings=False, qk_norm=True
    )
    d, d_ff, head_dim = 16, 48, 8
    attention = 4 * (d * d + d) + 2 * head_dim
    feed_forward = 2 * (d * d_ff + d_ff) + d_ff * d + d
    norms = 2 * d
    assert n_parameters(model) == 11 * d + 3 * (attention + feed_forward + norms) + d + 11 * d + 11


def test_flops_follow_palms_formula(decoder: Build) -> None:
    model = decoder(**SMALL_RECIPE)
    assert flops_per_token(model, context_length=64) == 6 * 795_904 + 12 * 4 * 4 * 32 * 64


def test_flops_do_not_depend_on_tying_the_embedding(decoder: Build) -> None:
    tied, untied = decoder(tie_embeddings=True), decoder(tie_embeddings=False)
    assert n_parameters(untied) == n_parameters(tied) + 11 * 16
    assert flops_per_token(untied, context_length=12) == flops_per_token(tied, context_length=12)


def test_size_is_known_without_storage(decoder: Build) -> None:
    with torch.device("meta"):
        model = decoder(**SMALL_RECIPE)
    assert n_parameters(model) == 795_904 + 64 * 128
