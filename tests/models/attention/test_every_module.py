"""What holds for every option of conf/attention, whatever it computes."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.models.attention.modules import build, described, drawn
from tuneformer.errors import UserError
from tuneformer.models.attention.base import AttentionBase
from tuneformer.models.attention.explicit import explicit_attention, record_attention
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.forward_pass import ForwardPass
from tuneformer.models.key_value_cache import KeyValueCache

pytestmark = pytest.mark.fast

CAUSAL = AttentionMask(causal=True)
VISIBLE = torch.tensor([[1] * 12, [0] * 3 + [1] * 9, [1, 1, 0, 1, 0, 0] + [1] * 6, [1] * 9 + [0] * 3]).bool()
OPTIONED: tuple[dict[str, Any], ...] = (
    {"qk_norm": True},
    {"cosine": True},
    {"logit_soft_cap": 0.5},
    {"value_residual": 0.3},
    {"scale": 0.7},
)
BIASES = ({"positions": "alibi"}, {"positions": "t5"})


def forward_pass(mask: AttentionMask = CAUSAL, first: Tensor | None = None) -> ForwardPass:
    return ForwardPass(start=0, mask=mask, cache=None, first_values=[] if first is None else [first])


def test_no_output_depends_on_later_tokens(option: str) -> None:
    module = build(option)
    x = drawn(2, 12, 16)
    before = module(x, forward_pass())
    for changed in (1, 5, 11):
        other = x.clone()
        other[:, changed:] += drawn(2, 12 - changed, 16, seed=3)
        after = module(other, forward_pass())
        torch.testing.assert_close(after[:, :changed], before[:, :changed], rtol=0, atol=1e-12)
        assert (after[:, changed] - before[:, changed]).abs().amax() > 1e-3


@pytest.mark.parametrize("padded", [False, True])
def test_explicit_path_equals_the_training_path_in_value_and_gradient(option: str, padded: bool) -> None:
    module = build(option)
    mask = AttentionMask(causal=True, visible=VISIBLE if padded else None)
    x, dy = drawn(4, 12, 16).requires_grad_(), drawn(4, 12, 16, seed=2)
    inputs = [x, *module.parameters()]
    fused = module(x, forward_pass(mask))
    fused_gradients = torch.autograd.grad(fused, inputs, dy)
    with record_attention(module) as recorded:
        explicit = module(x, forward_pass(mask))
    (weights,) = recorded["decoder", 1]
    assert weights.shape == (4, 4, 12, 12)
    assert (weights.triu(diagonal=1) == 0).all()
    torch.testing.assert_close(explicit, fused, rtol=0, atol=1e-11)
    for one, other in zip(torch.autograd.grad(explicit, inputs, dy), fused_gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)
    for gradient in fused_gradients:
        assert (gradient != 0).any(), "a parameter without effect proves nothing"


def test_options_and_biases_hold_on_both_paths(option: str) -> None:
    if described(option).has_state:
        pytest.skip("it has no logits")
    x, first = drawn(2, 12, 16), drawn(2, 4, 12, 4, seed=5)
    plain = build(option, positions="none")
    first = first[:, : {"multi_query": 1, "grouped_query": 2}.get(option, 4)]  # its heads of values
    for changes in (*OPTIONED, *BIASES):
        settings: dict[str, Any] = {"positions": "none"} | changes
        module = build(option, **settings)
        mask = AttentionMask(causal=True, visible=VISIBLE[1:3])
        fused = module(x, forward_pass(mask, first))
        with explicit_attention(module, lambda site, weights: weights):
            explicit = module(x, forward_pass(mask, first))
        torch.testing.assert_close(explicit, fused, rtol=0, atol=1e-11, msg=lambda m, c=changes: f"{c}: {m}")
        if "value_residual" in changes:
            assert not torch.allclose(fused, module(x, forward_pass(mask, torch.zeros_like(first))))
        else:
            without = plain(x, forward_pass(mask, first))
            assert not torch.allclose(fused, without, atol=1e-4), f"{changes} changed nothing"
        _decodes_step_by_step(module, x, first if "value_residual" in changes else None)


def test_padding_is_as_if_it_were_not_there(option: str) -> None:
    module = build(option, positions="none", context_length=12)
    x = drawn(4, 12, 16)
    padded = module(x, forward_pass(AttentionMask(causal=True, visible=VISIBLE)))
    other = torch.where(VISIBLE[..., None], x, drawn(4, 12, 16, seed=9))
    again = module(other, forward_pass(AttentionMask(causal=True, visible=VISIBLE)))
    assert torch.isfinite(padded).all()
    torch.testing.assert_close(padded[VISIBLE], again[VISIBLE], rtol=0, atol=1e-12)
    # after the last token of a sequence, padding is nothing to those before
    unpadded = module(x[3:, :9], forward_pass())
    torch.testing.assert_close(padded[3:, :9], unpadded, rtol=0, atol=1e-12)


def _decodes_step_by_step(module: AttentionBase, x: Tensor, first: Tensor | None = None) -> None:
    with torch.no_grad():
        whole = module(x, forward_pass(CAUSAL, first))
    for steps in ([1] * 12, [5, 1, 2, 4], [1, 11]):
        cache = KeyValueCache(layers={module.layer.site: module.new_cache()}, capacity=12)
        parts, start = [], 0
        for part in x.split(steps, dim=1):
            end = start + part.shape[1]
            # multi-head latent attention makes the values of all tokens at every step
            so_far = None if first is None else first[:, :, _seen(module, start) : end]
            shared = ForwardPass(
                start=start, mask=CAUSAL, cache=cache, first_values=[] if so_far is None else [so_far]
            )
            with torch.no_grad():
                parts.append(module(part, shared))
            start = end
        torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=0, atol=1e-11)


def _seen(module: AttentionBase, start: int) -> int:
    return 0 if type(module).__name__ == "MultiHeadLatentAttention" else start


def test_decoding_step_by_step_equals_the_whole(option: str) -> None:
    _decodes_step_by_step(build(option), drawn(2, 12, 16))


def test_padded_decoding_from_selected_sequences_equals_the_whole(option: str) -> None:
    module, x = build(option), drawn(4, 12, 16)
    rows = torch.tensor([2, 0, 2, 1, 3])
    with torch.no_grad():
        whole = module(x, forward_pass(AttentionMask(causal=True, visible=VISIBLE)))[rows]
        cache = KeyValueCache(layers={module.layer.site: module.new_cache()}, capacity=12)
        for start, end in ((0, 5), (5, 6), (6, 12)):
            visible = VISIBLE[:, :end] if start == 0 else VISIBLE[rows, :end]
            shared = ForwardPass(start=start, mask=AttentionMask(causal=True, visible=visible), cache=cache)
            part = module(x[:, :end] if start == 0 else x[rows, start:end], shared)
            if start == 0:
                cache.select(rows)
            else:
                torch.testing.assert_close(part, whole[:, start:end], rtol=0, atol=1e-11)


def test_a_long_text_equals_itself_in_other_pieces(option: str) -> None:
    # several chunks of every scan, many windows and blocks, none of them full at the end
    module = build(option, context_length=150)
    x = drawn(1, 150, 16)
    with torch.no_grad():
        whole = module(x, forward_pass())
        with explicit_attention(module, lambda site, weights: weights):
            torch.testing.assert_close(module(x, forward_pass()), whole, rtol=0, atol=1e-10)
        shorter = module(x[:, :77], forward_pass())
    torch.testing.assert_close(shorter, whole[:, :77], rtol=0, atol=1e-10)


def test_gradients_match_finite_differences(option: str) -> None:
    module = build(option, d_model=8, n_heads=2)
    x = drawn(1, 5, 8).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: module(x, forward_pass()), (x,))


def test_bfloat16_stays_near_float32(option: str) -> None:
    module = build(option).float()
    x = drawn(4, 12, 16).float()
    expected = module(x, forward_pass())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = module(x, forward_pass())
        mixed.float().square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())
    short = module.bfloat16()(x.bfloat16(), forward_pass())
    assert short.dtype == torch.bfloat16
    for y in (mixed, short):
        error = (y.float() - expected).norm() / expected.norm()
        assert 0 < error < 10 * 2**-8, error  # eight bits of mantissa, through some ten products in a row


def test_without_order_it_sees_both_ways_or_refuses(option: str) -> None:
    if not described(option).sees_both_ways:
        with pytest.raises(UserError, match=r"sees the past only: it cannot be in the encoder"):
            build(option, causal=False)
        return
    module, x = build(option, causal=False, positions="none"), drawn(4, 12, 16)
    mask = AttentionMask(causal=False, visible=VISIBLE)
    whole = module(x, forward_pass(mask))
    with explicit_attention(module, lambda site, weights: weights):
        torch.testing.assert_close(module(x, forward_pass(mask)), whole, rtol=0, atol=1e-11)
    changed = x.clone()
    changed[0, 1] += 1
    assert not torch.allclose(module(changed, forward_pass(mask))[0, 0], whole[0, 0], atol=1e-4)
    # turned around, the same comes out turned around
    turned = replace(mask, visible=VISIBLE.flip(1))
    if option not in ("block_local", "first_tokens_window"):
        torch.testing.assert_close(module(x.flip(1), forward_pass(turned)).flip(1), whole, rtol=0, atol=1e-11)
