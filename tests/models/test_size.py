from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from tests.models.families import small_model
from tuneformer.models.attention.explicit import explicit_attention
from tuneformer.models.attention.layer_spec import AttentionSite
from tuneformer.models.decoder import Decoder
from tuneformer.models.size import flops_per_example, flops_per_token, n_parameters, n_position_parameters

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


EXAMPLES: dict[str, tuple[Tensor, ...]] = {
    "encoder": (torch.zeros(1, 12, dtype=torch.long),),
    "encoder_decoder": (
        torch.zeros(1, 12, dtype=torch.long),
        torch.ones(1, 12, dtype=torch.bool),
        torch.zeros(1, 12, dtype=torch.long),
    ),
    "vector_decoder": (torch.zeros(1, 12, 4),),
    "vit": (torch.zeros(1, 2, 8, 8),),
}


@pytest.mark.parametrize("pooling", ["mean", "first", "attention"])
@pytest.mark.parametrize("family", EXAMPLES)
def test_flops_are_those_that_torch_counts_of_products(family: str, pooling: str) -> None:
    # bias and norms are counted as if they multiplied: without them what is left is products alone
    changes: dict[str, Any] = {"pooling": pooling} if family in ("encoder", "vit") else {}
    model = small_model(family, bias=False, **changes)

    def as_it_is(site: AttentionSite, weights: Tensor) -> Tensor:
        return weights

    with explicit_attention(model, as_it_is), FlopCounterMode(display=False) as counter:
        model(*EXAMPLES[family])
    vectors = sum(
        p.numel() for name, p in model.named_parameters() if p.ndim == 1 and not name.startswith("pooling")
    )
    counted = model.forward_flops(12) - counter.get_total_flops()
    # at most 13 positions a stack, each norm and bias twice; nothing else may be missing
    assert 0 <= counted <= 2 * 13 * vectors
    assert flops_per_example(model, n_tokens=12) == 3 * model.forward_flops(12)
    assert flops_per_token(model, context_length=12) == flops_per_example(
        model, n_tokens=12
    ) / model.n_positions(12)


def test_flops_of_recurrent_models_follow_a_hand_count() -> None:
    d, vocab, layers, n = 16, 11, 2, 12
    gates = 4 * d * 2 * d + 8 * d  # of one layer of width d over inputs of width d
    # each direction has half the width: two times four gates of d / 2 over d numbers and d / 2
    encoder = layers * 2 * (4 * (d // 2) * (d + d // 2) + 8 * (d // 2))
    output = vocab * d
    assert small_model("lstm").forward_flops(n) == 2 * n * (encoder + layers * gates + output)
    fed = 4 * d * d  # the first layer also reads what was found, or fed
    a_token = encoder + layers * gates + fed + 2 * d * d + output
    mixing = 2 * n * n * 2 * d
    multiplicative = 2 * n * (a_token + d * d) + mixing
    assert small_model("lstm_attention").forward_flops(n) == multiplicative
    additive = small_model("lstm_attention", score="additive").forward_flops(n)
    assert additive == multiplicative + 2 * n * d * d
    classifier = small_model("lstm_attention", n_classes=5)
    once = 2 * (2 * d * d + 5 * d + 5)
    assert classifier.forward_flops(n) == 2 * n * (encoder + d * d) + 2 * n * 2 * d + once


def test_size_is_known_without_storage(decoder: Build) -> None:
    with torch.device("meta"):
        model = decoder(**SMALL_RECIPE)
    assert n_parameters(model) == 795_904 + 64 * 128
