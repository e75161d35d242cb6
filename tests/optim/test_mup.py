"""muP: at the base width the standard parametrisation; at others rates, decay and scales follow the width."""

import math
from collections.abc import Callable

import pytest
import torch

from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.errors import UserError
from tuneformer.models.build import build_model
from tuneformer.models.decoder import Decoder
from tuneformer.optim.build import build_optimizer
from tuneformer.training.coordinate_check.measure import slope

pytestmark = pytest.mark.fast

HIDDEN, REST = "matrices", ("norms_and_biases", "embeddings")


@pytest.fixture
def decoder(load_settings: Callable) -> Callable[..., Decoder]:
    def build(option: str = "decoder_mup", **replaced: object) -> Decoder:
        small = {"n_layers": 1, "n_heads": 2, "context_length": 6, "vocab_size": 11}
        settings = load_settings("model", option, **{**small, **replaced})
        model = build_model(settings, load_settings("attention", "multi_head"), needs={"vocab_size": 11})
        assert isinstance(model, Decoder)
        return model

    return build


@pytest.mark.parametrize(
    ("optimizer", "exponent"), [("adamw", 1), ("lion", 1), ("muon", 0), ("normuon", 0.5), ("nadam", 1)]
)
@pytest.mark.parametrize("ratio", [1, 4])
def test_rates_of_hidden_matrices_follow_the_width_and_their_decay_per_step_does_not(
    optimizer: str, exponent: float, ratio: int, make: Callable, decoder: Callable
) -> None:
    factory = make("optimizer", optimizer)
    model = decoder(d_model=32 * ratio, base_width=32)
    scaled = build_optimizer(model, factory, make("param_groups", "mup"))
    plain = build_optimizer(model, factory, make("param_groups", "default"))
    for ours, theirs in zip(scaled.param_groups, plain.param_groups, strict=True):
        scale = ratio**exponent if ours["name"] == HIDDEN else 1
        assert ours["lr"] == pytest.approx(theirs["lr"] / scale)
        assert ours["lr"] * ours["weight_decay"] == pytest.approx(theirs["lr"] * theirs["weight_decay"])


def test_muon_with_adams_size_of_step_scales_between_the_two(
    make: Callable, load_settings: Callable, decoder: Callable
) -> None:
    matrices = {**load_settings("optimizer", "muon")["matrices"], "adjust_lr_fn": "match_rms_adamw"}
    factory = make("optimizer", "muon", lr=1.0, matrices=matrices)
    model = decoder(d_model=64, base_width=16)
    groups = build_optimizer(model, factory, make("param_groups", "mup")).param_groups
    assert next(group["lr"] for group in groups if group["name"] == HIDDEN) == pytest.approx(0.5)


def test_a_model_of_the_base_width_computes_what_the_standard_one_does(decoder: Callable) -> None:
    torch.default_generator.manual_seed(0)
    tokens = torch.randint(11, (3, 6))
    standard = decoder("decoder", d_model=32)
    same = decoder(d_model=32, base_width=32)
    same.load_state_dict(standard.state_dict())
    assert torch.equal(same(tokens), standard(tokens))


def test_at_another_width_logits_and_scores_are_scaled(decoder: Callable) -> None:
    torch.default_generator.manual_seed(0)
    model = decoder(d_model=64, base_width=16)
    head_dim = 32
    assert model.blocks[0].attention.core.logits.scale == pytest.approx(math.sqrt(8) / head_dim)
    features = []
    model.norm.register_forward_hook(lambda module, inputs, output: features.append(output))
    logits = model(torch.randint(11, (2, 6)))
    torch.testing.assert_close(logits, features[0] @ model.token_embedding.weight.mT / 4)


@pytest.mark.parametrize("d_model", [64, 512])
def test_initial_weights_have_the_size_that_keeps_activations(d_model: int, decoder: Callable) -> None:
    torch.default_generator.manual_seed(0)
    model = decoder(d_model=d_model, base_width=64, n_layers=2, vocab_size=11)
    for name, weight in model.named_parameters():
        if "norm" in name:
            continue
        expected = 0.02 if "embedding" in name else 1 / math.sqrt(weight.shape[1])
        if name.endswith(("attention.output.weight", "feed_forward.down.weight")):
            expected /= 2  # sqrt(2 n_layers)
        assert weight.std().item() == pytest.approx(expected, rel=0.06), name


@pytest.mark.parametrize("d_model", [64, 512])
def test_an_output_matrix_of_its_own_is_scaled_down_once(d_model: int, decoder: Callable) -> None:
    """2203.03466, table 8: its deviation is the same at every width, its multiplier falls as 1 / width."""
    torch.default_generator.manual_seed(0)
    model = decoder(d_model=d_model, base_width=64, tie_embeddings=False)
    assert model.output is not None
    assert model.output.weight.std().item() == pytest.approx(1 / math.sqrt(64), rel=0.08)
    features = []
    model.norm.register_forward_hook(lambda module, inputs, output: features.append(output))
    logits = model(torch.randint(11, (2, 6)))
    torch.testing.assert_close(logits, features[0] @ model.output.weight.mT * 64 / d_model)


def test_logits_at_the_start_shrink_as_the_root_of_the_width_tied_or_not(decoder: Callable) -> None:
    """The product of d_model independent terms over d_model, in both: slope -1/2."""
    tokens = torch.randint(11, (4, 6), generator=torch.Generator().manual_seed(0))
    for tied in (True, False):
        sizes = {}
        for width in (64, 128, 256, 512):
            torch.default_generator.manual_seed(1)
            model = decoder(d_model=width, base_width=64, tie_embeddings=tied).double()
            logits = model(tokens).detach()
            others = logits.scatter(-1, tokens.unsqueeze(-1), 0.0)  # tied, a token's own logit is its square
            sizes[width] = others.square().mean().sqrt().item()
        assert slope(sizes) == pytest.approx(-0.5, abs=0.15), (tied, sizes)


def test_an_optimizer_of_unknown_growth_is_refused(make: Callable, decoder: Callable) -> None:
    model = decoder(d_model=64, base_width=16)
    with pytest.raises(UserError, match=r"^param_groups=mup does not know how the update of SGD grows"):
        build_optimizer(model, make("optimizer", "sgd"), make("param_groups", "mup"))
    with pytest.raises(
        UserError, match=r"^param_groups=mup scales rates from model\.base_width, which is null"
    ):
        build_optimizer(decoder("decoder"), make("optimizer", "adamw"), make("param_groups", "mup"))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["param_groups=mup"], "param_groups=mup scales rates from model.base_width, which is null"),
        (["model=decoder_mup"], "model.base_width=64 needs rates that follow the width: param_groups=mup"),
        (
            ["model=decoder_mup", "param_groups=mup", "model.initialization=gpt2"],
            "model.initialization=gpt2 must be mup with model.base_width=64",
        ),
        (["model=decoder_mup", "param_groups=mup", "model.base_width=0"], "model.base_width=0 must be"),
    ],
)
def test_half_of_mup_is_refused(overrides: list[str], message: str) -> None:
    with pytest.raises(UserError) as raised:
        check_config(*compose_config(overrides))
    assert str(raised.value).startswith(message)
