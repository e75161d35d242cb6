"""Every module and every option against the paper's equation, in value and gradient."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.models.attention.equations import EQUATIONS, gathered, heads, linear, softmax_of
from tests.models.attention.modules import build, drawn
from tuneformer.models.attention.base import AttentionBase
from tuneformer.models.attention.explicit import explicit_attention
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.forward_pass import ForwardPass

pytestmark = pytest.mark.fast


def run(module: AttentionBase, x: Tensor, first_values: list[Tensor] | None = None) -> Tensor:
    shared = ForwardPass(
        start=0, mask=AttentionMask(causal=True), cache=None, first_values=first_values or []
    )
    return module(x.unsqueeze(0), shared).squeeze(0)


def assert_same(module: AttentionBase, one: Tensor, other: Tensor, x: Tensor) -> None:
    """The same in value, and in the gradient of every parameter and of x."""
    torch.testing.assert_close(one, other, rtol=0, atol=1e-11)
    inputs, dy = [x, *module.parameters()], drawn(*one.shape, seed=7)
    gradients = [torch.autograd.grad(y, inputs, dy) for y in (one, other)]
    for mine, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-9)


def test_a_module_is_its_equation_in_value_and_gradient(option: str) -> None:
    module, x = build(option), drawn(9, 16).requires_grad_()
    assert_same(module, run(module, x), EQUATIONS[option](module, x), x)


def by_definition(module: AttentionBase, x: Tensor, option: dict[str, Any], first: Tensor) -> Tensor:
    """Multi-head attention with one option, a query and a key at a time; first: V_1, (head, time, dim)."""
    q, k, v = (heads(module, name, x) for name in ("query", "key", "value"))
    per_head = []
    for h in range(4):
        out = []
        for i in range(len(x)):
            logits = []
            for j in range(i + 1):
                s = q[h][i] @ k[h][j] / 2
                if "scale" in option:
                    s = q[h][i] @ k[h][j] * option["scale"]
                if "cosine" in option:
                    g = module.get_parameter("cosine.cosine_scale")[h]
                    s = g * (q[h][i] @ k[h][j]) / (q[h][i].norm() * k[h][j].norm())
                if "logit_soft_cap" in option:
                    s = option["logit_soft_cap"] * torch.tanh(s / option["logit_soft_cap"])
                if option.get("positions") == "alibi":
                    s = s - 2.0 ** (-8 * (h + 1) / 4) * (i - j)
                if option.get("positions") == "t5":  # 3 single distances, then 3, 4..5 and all beyond
                    bucket = i - j if i - j < 3 else min(3 + int(math.log((i - j) / 3, 8 / 3) * 3), 5)
                    s = s + module.get_parameter("core.logits.bias.relative_bias")[bucket, h]
                logits.append(s)
            share = option.get("value_residual", 0.0)
            values = [(1 - share) * v[h][j] + share * first[h, j] for j in range(i + 1)]
            out.append(gathered(softmax_of(logits), values))
        per_head.append(torch.stack(out))
    return linear(module, "output", torch.cat(per_head, dim=-1))


@pytest.mark.parametrize(
    "chosen",
    [
        {"scale": 0.7},
        {"cosine": True},
        {"logit_soft_cap": 0.6},
        {"value_residual": 0.3},
        {"positions": "alibi"},
        {"positions": "t5"},
        {"positions": "t5", "logit_soft_cap": 0.6},
    ],
    ids=str,
)
def test_an_option_is_its_equation_in_value_and_gradient(chosen: dict[str, Any]) -> None:
    settings: dict[str, Any] = {"positions": "none"} | chosen
    module, x, first = build("multi_head", **settings), drawn(9, 16).requires_grad_(), drawn(4, 9, 4, seed=3)
    result = run(module, x, [first.unsqueeze(0)])
    assert_same(module, result, by_definition(module, x, chosen, first), x)


def test_the_first_layer_shows_its_values_to_the_others() -> None:
    shown: list[Tensor] = []
    module, x = build("multi_head", value_residual=0.3, layer=0), drawn(9, 16)
    shared = ForwardPass(start=0, mask=AttentionMask(causal=True), cache=None, first_values=shown)
    result = module(x.unsqueeze(0), shared).squeeze(0)
    torch.testing.assert_close(torch.stack(heads(module, "value", x)), shown[0][0])
    torch.testing.assert_close(result, EQUATIONS["multi_head"](module, x))


@pytest.mark.parametrize("kind", ["sliding_window", "first_tokens_window"])
def test_a_window_over_everything_is_multi_head_attention(kind: str) -> None:
    x = drawn(9, 16)
    torch.testing.assert_close(run(build(kind, window=9), x), run(build("multi_head"), x))


def test_what_lies_outside_of_the_window_has_no_gradient() -> None:
    module, x = build("sliding_window", window=3), drawn(9, 16).requires_grad_()
    (gradient,) = torch.autograd.grad(run(module, x)[7].sum(), x)
    assert (gradient[:5] == 0).all()
    assert (gradient[5:8] != 0).any(dim=1).all()


def test_sigmoid_of_zero_logits_over_a_long_context_is_half_the_sum_over_n() -> None:
    module = build("sigmoid", positions="none", context_length=1000)
    with torch.no_grad():
        for name in ("query", "key"):
            weight_of(module, name).zero_()
            bias_of(module, name).zero_()
    x = drawn(1000, 16)
    values = linear(module, "value", x)
    expected = linear(module, "output", values.mean(dim=0))
    # sigma(-log n) = 1 / (n + 1): the last token sees the mean of all values
    torch.testing.assert_close(run(module, x)[-1], expected, rtol=0, atol=3e-3)


def test_keys_that_tie_for_the_last_place_are_all_kept() -> None:
    module, x = build("top_k", positions="none", k=1), drawn(1, 16).expand(5, 16)
    # all logits of a query are the same, and all values
    torch.testing.assert_close(run(module, x), run(build("multi_head", positions="none"), x))


def test_cosine_logits_stay_within_the_learned_scale() -> None:
    module, x = build("multi_head", cosine=True, positions="rope"), 100 * drawn(9, 16)
    seen: list[Tensor] = []

    def watch(_: Any, __: Any, logits: Any) -> None:
        seen.append(logits)

    module.get_submodule("core.logits").register_forward_hook(watch)
    with explicit_attention(module, lambda site, weights: weights):
        run(module, x)
    scale = module.get_parameter("cosine.cosine_scale").abs()
    largest = seen[0].abs().amax(dim=(0, 2, 3))
    assert (largest <= scale + 1e-12).all()
    assert (largest > 0.5 * scale).all()


def test_decays_of_any_strength_neither_overflow_nor_lose_what_is_near() -> None:
    module, x = build("gated_linear"), drawn(40, 16)
    with torch.no_grad():
        bias_of(module, "decay_up").copy_(torch.linspace(-400, 4, 16))
        expected = EQUATIONS["gated_linear"](module, x)
        # a token forgets all but e^-25 of some numbers: seventeen orders of magnitude in every chunk
        torch.testing.assert_close(run(module, x), expected, rtol=0, atol=1e-11)
        single = run(module.float(), x.float())
    torch.testing.assert_close(single.double(), expected, rtol=0, atol=1e-4)


def test_talking_heads_begin_as_multi_head_attention() -> None:
    module, other, x = build("talking_heads"), build("multi_head"), drawn(9, 16)
    module.load_state_dict(other.state_dict(), strict=False)
    assert not torch.allclose(run(module, x), run(other, x), atol=1e-3)
    reset(module, "core")
    torch.testing.assert_close(run(module, x), run(other, x))


def test_cosine_scale_begins_where_the_paper_says() -> None:
    module = build("multi_head", cosine=True, context_length=64)
    reset(module, "cosine")
    scale = module.get_parameter("cosine.cosine_scale")
    torch.testing.assert_close(scale, torch.full_like(scale, math.log2(64**2 - 64)))


def test_a_gate_of_one_is_none() -> None:
    module, x = build("gated_output"), drawn(9, 16)
    with torch.no_grad():
        weight_of(module, "gate").zero_()
        bias_of(module, "gate").fill_(40.0)
    torch.testing.assert_close(run(module, x), run(build("multi_head"), x))


def weight_of(module: AttentionBase, name: str) -> Tensor:
    return module.get_parameter(f"{name}.weight")


def bias_of(module: AttentionBase, name: str) -> Tensor:
    return module.get_parameter(f"{name}.bias")


def reset(module: AttentionBase, name: str) -> None:
    part: Any = module.get_submodule(name)
    part.reset_parameters()
