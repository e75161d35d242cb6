"""Attention of modules that call torch's function, seen and edited."""

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tuneformer.errors import UserError
from tuneformer.models.attention.explicit import (
    SeenAttention,
    explicit_attention,
    record_attention,
    watch_attention,
)
from tuneformer.models.parts import AttentionPart, watch_parts

pytestmark = pytest.mark.fast

SITE = ("decoder", 0)


class Heads(nn.Module):
    """Calls torch's function with whatever it is given."""

    def __init__(self, **given: Any) -> None:
        super().__init__()
        self.output = nn.Linear(6, 6, bias=False)
        self.given = given

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        heads = F.scaled_dot_product_attention(q, k, v, **self.given)
        return self.output(heads.transpose(-3, -2).flatten(-2))


class Model(nn.Module):
    """Says where its heads are."""

    def __init__(self, **given: Any) -> None:
        super().__init__()
        self.attention = Heads(**given)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return self.attention(q, k, v)

    def attention_parts(self) -> list[AttentionPart]:
        module = self.attention
        return [AttentionPart(stack="decoder", layer=0, module=module, output=module.output, head_dim=3)]


def drawn(*, n_keys: int = 5, key_heads: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    q = torch.randn(2, 2, 5, 3, generator=generator)
    k, v = (torch.randn(2, key_heads, n_keys, 3, generator=generator) for _ in "kv")
    return q, k, v


FLOATS = torch.linspace(-1, 1, 25).view(5, 5)


@pytest.mark.parametrize(
    ("given", "sizes"),
    [
        ({}, {}),
        ({"is_causal": True}, {}),
        ({"is_causal": True}, {"n_keys": 7}),
        ({"is_causal": True, "scale": 0.3}, {}),
        ({"attn_mask": torch.ones(5, 5).tril(1).bool()}, {}),
        ({"attn_mask": FLOATS}, {}),
        ({"is_causal": True, "enable_gqa": True}, {"key_heads": 1}),
    ],
)
def test_what_is_seen_is_what_torch_computes(given: dict[str, Any], sizes: dict[str, int]) -> None:
    model, inputs = Model(**given), drawn(**sizes)
    expected, seen = model(*inputs), list[SeenAttention]()
    names = [name for name, _ in model.named_parameters()]
    watch_parts(model, Model)
    with watch_attention(model, lambda site, attention: seen.append(attention)):
        watched = model(*inputs)
    torch.testing.assert_close(watched, expected)
    torch.testing.assert_close(model(*inputs), expected, rtol=0, atol=0)
    assert [name for name, _ in model.named_parameters()] == names == list(model.state_dict())
    (attention,) = seen
    heads = (attention.weights @ attention.values).transpose(1, 2).flatten(-2)
    torch.testing.assert_close(model.attention.output(heads), expected)
    if given.get("is_causal"):
        assert attention.allowed is not None
        assert not attention.weights.masked_select(~attention.allowed).any()


def test_weights_can_be_edited_and_gradients_flow_through() -> None:
    model, (q, k, v) = Model(is_causal=True), drawn()
    watch_parts(model, Model)
    v.requires_grad_()
    with explicit_attention(model, lambda site, weights: weights * (site != SITE)):
        edited = model(q, k, v)
    assert not edited.any()
    edited.sum().backward()
    assert v.grad is not None
    assert not v.grad.any()


def test_copies_are_watched_by_themselves() -> None:
    model = Model()
    watch_parts(model, Model)
    other = copy.deepcopy(model)
    with record_attention(other) as recorded:
        model(*drawn())
        assert not recorded
        other(*drawn())
    assert [list(site) for site in recorded] == [list(SITE)]


def test_a_pass_that_fails_leaves_nothing_behind() -> None:
    model = Model()
    watch_parts(model, Model)
    q, k, v = drawn()
    with record_attention(model) as recorded:
        with pytest.raises(RuntimeError):
            model(q, k, v[:, :, :2])
        F.scaled_dot_product_attention(q, k, v)
    assert list(recorded) in ([], [SITE])
    assert torch.overrides._get_current_function_mode() is None


def test_heads_without_a_batch_are_refused() -> None:
    model = Model()
    watch_parts(model, Model)
    with record_attention(model), pytest.raises(UserError, match=r"Heads calls .* with 3 dimensions"):
        model(*(x[0] for x in drawn()))
