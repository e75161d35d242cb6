from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.models.families import SMALL, WIDTH, plain_settings, randomised, small_model
from tuneformer.measures.head_importance import (
    By,
    edited_heads,
    importance_by_ablation,
    importance_by_gradient,
)
from tuneformer.models.attention.explicit import explicit_attention
from tuneformer.models.attention.layer_spec import AttentionSite
from tuneformer.models.attention.qkv.multi_head import MultiHeadAttention
from tuneformer.models.attention.settings import PLAIN
from tuneformer.models.encoder import Encoder
from tuneformer.models.settings import EncoderSettings

pytestmark = pytest.mark.fast

TOKENS = torch.randint(11, (4, 9), generator=torch.Generator().manual_seed(1))
TARGETS = torch.tensor([0, 3, 1, 4])


def losses(model: Encoder, copies: int = 1) -> Tensor:
    return F.cross_entropy(model(TOKENS.repeat(copies, 1)), TARGETS.repeat(copies), reduction="none")


def ablation(model: Encoder, *, by: By, at_once: int = 4) -> dict[AttentionSite, Tensor]:
    return importance_by_ablation(
        model, lambda copies: losses(model, copies), by=by, at_once=at_once, track=list
    )


def encoder() -> Encoder:
    return randomised(small_model("encoder"))


def test_a_head_with_a_zero_output_matrix_has_no_importance_and_others_do() -> None:
    model = encoder()
    with torch.no_grad():
        model.blocks[1].attention.output.weight[:, 8:] = 0  # pyright: ignore
    by = {
        "zero": ablation(model, by="zero"),
        "mean": ablation(model, by="mean"),
        "gradient": importance_by_gradient(model, lambda: losses(model)),
    }
    for name, scores in by.items():
        assert list(scores) == [("encoder", 0), ("encoder", 1)], name
        dead = scores[AttentionSite("encoder", 1)][1]
        assert dead.item() == 0, name
        rest = torch.cat([scores[AttentionSite("encoder", 0)], scores[AttentionSite("encoder", 1)][:1]])
        assert (rest.abs() > 1e-4).all(), name


def test_zero_ablation_is_that_of_the_explicit_path() -> None:
    model = encoder()
    found = ablation(model, by="zero")

    def ablate(site: AttentionSite, weights: Tensor) -> Tensor:
        return weights * torch.tensor([1.0, 0.0])[:, None, None] if site == ("encoder", 0) else weights

    with torch.no_grad():
        intact = losses(model).mean()
        with explicit_attention(model, ablate):
            expected = losses(model).mean() - intact
    torch.testing.assert_close(found[AttentionSite("encoder", 0)][1], expected)
    again = ablation(model, by="zero")
    assert all(torch.equal(found[site], again[site]) for site in found), "the model is left as it was"


@pytest.mark.parametrize("value_residual", [None, 0.5])
def test_a_pass_that_begins_in_the_middle_gives_what_a_whole_one_does(value_residual: float | None) -> None:
    attention = replace(PLAIN, value_residual=value_residual)
    settings: dict[str, Any] = plain_settings("model", "encoder") | SMALL["encoder"] | WIDTH
    settings["n_layers"] = 4
    make_attention = partial(MultiHeadAttention, settings=attention)
    model = randomised(Encoder(settings=EncoderSettings(**settings), attention=make_attention))
    found = ablation(model, by="zero", at_once=3)
    assert [site.layer for site in found] == [0, 1, 2, 3]
    with torch.no_grad():
        for block in model.blocks:
            shell = block.attention
            for head in range(2):
                with edited_heads(shell, lambda heads, head=head: without(heads, head)):
                    change = losses(model).mean()
                expected = change - losses(model).mean()
                torch.testing.assert_close(found[shell.layer.site][head], expected, rtol=1e-9, atol=1e-12)


def without(heads: Tensor, head: int) -> Tensor:
    heads = heads.clone()
    heads[:, :, head] = 0
    return heads


@pytest.mark.parametrize("by", ["zero", "mean"])
def test_heads_are_taken_out_alone_however_many_a_pass_has(by: By) -> None:
    model = encoder()
    alone = ablation(model, by=by, at_once=1)
    for at_once in (2, 3, 100):
        together = ablation(model, by=by, at_once=at_once)
        assert together.keys() == alone.keys()
        for site, changes in alone.items():
            torch.testing.assert_close(together[site], changes, rtol=1e-9, atol=1e-12)


def test_the_gradient_of_a_gate_is_the_finite_difference() -> None:
    model = encoder()
    found = importance_by_gradient(model, lambda: losses(model))
    assert all(parameter.grad is None for parameter in model.parameters())
    for layer in (0, 1):
        shell = model.blocks[layer].attention
        for head in (0, 1):

            def scaled(heads: Tensor, xi: float, head: int = head) -> Tensor:
                gate = torch.ones(2, 1, dtype=torch.float64)
                gate[head] = xi
                return heads * gate

            both = []
            for xi in (1 + 1e-5, 1 - 1e-5):
                with torch.no_grad(), edited_heads(shell, lambda heads, xi=xi: scaled(heads, xi)):  # pyright: ignore
                    both.append(losses(model))
            expected = ((both[0] - both[1]) / 2e-5).abs().mean()
            torch.testing.assert_close(
                found[AttentionSite("encoder", layer)][head], expected, rtol=1e-5, atol=1e-9
            )
