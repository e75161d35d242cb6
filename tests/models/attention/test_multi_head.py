import itertools
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.models.attention.modules import build, drawn
from tuneformer.errors import UserError
from tuneformer.models.attention.explicit import explicit_attention, record_attention
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.attention.qkv.multi_head import MultiHeadAttention
from tuneformer.models.forward_pass import ForwardPass

pytestmark = pytest.mark.fast

TRAINING = ForwardPass(start=0, mask=AttentionMask(causal=True), cache=None)
VARIANTS = list(itertools.product([True, False], [True, False], ["rope", "none"], [None, 0.3]))


def attention(**changes: Any) -> MultiHeadAttention:
    """A float64 module with biases whose parameters are all drawn, gains and biases too."""
    small: dict[str, Any] = {
        "d_model": 12,
        "n_heads": 3,
        "context_length": 8,
        "positions": "none",
        "layer": 0,
    }
    module = build("multi_head", **(small | changes))
    assert isinstance(module, MultiHeadAttention)
    return module


def array(parameter: Tensor) -> np.ndarray:
    return parameter.detach().numpy()


def head_by_numpy(module: MultiHeadAttention, x: np.ndarray, head: int, causal: bool) -> np.ndarray:
    """One head from the equations, a query and a key at a time."""
    dim = module.head_dim
    rows = slice(head * dim, (head + 1) * dim)
    q, k, v = (
        x @ array(linear.weight)[rows].T + array(linear.bias)[rows]
        for linear in (module.query, module.key, module.value)
    )
    if module.query_norm is not None and module.key_norm is not None:
        q = q / np.sqrt((q**2).mean(-1, keepdims=True) + 1e-6) * array(module.query_norm.weight)
        k = k / np.sqrt((k**2).mean(-1, keepdims=True) + 1e-6) * array(module.key_norm.weight)
    if module.positions is not None:
        turns = np.exp(1j * np.outer(np.arange(len(x)), 10.0 ** (-np.arange(0, dim, 2) / dim)))
        q, k = (((y[:, ::2] + 1j * y[:, 1::2]) * turns) for y in (q, k))
        q, k = (np.stack((y.real, y.imag), axis=-1).reshape(len(x), dim) for y in (q, k))
    scale = module.core.logits.scale
    out = np.zeros_like(v)
    for i in range(len(x)):
        seen = range(i + 1) if causal else range(len(x))
        e = np.array([np.exp(q[i] @ k[j] * (dim**-0.5 if scale is None else scale)) for j in seen])
        out[i] = sum(e[j] / e.sum() * v[j] for j in seen)
    return out


@pytest.mark.parametrize(("causal", "qk_norm", "positions", "scale"), VARIANTS)
def test_multi_head_attention_is_its_equation(
    causal: bool, qk_norm: bool, positions: str, scale: float | None
) -> None:
    module = attention(qk_norm=qk_norm, positions=positions, scale=scale)
    x = drawn(1, 7, 12)
    heads = [head_by_numpy(module, x[0].numpy(), head, causal) for head in range(3)]
    expected = np.concatenate(heads, axis=-1) @ array(module.output.weight).T + array(module.output.bias)
    result = module(x, ForwardPass(start=0, mask=AttentionMask(causal=causal), cache=None))
    np.testing.assert_allclose(array(result)[0], expected, atol=1e-12)


@pytest.mark.parametrize(("causal", "qk_norm", "positions", "scale"), VARIANTS)
def test_explicit_path_equals_the_fused_one_in_output_and_gradients(
    causal: bool, qk_norm: bool, positions: str, scale: float | None
) -> None:
    module = attention(qk_norm=qk_norm, positions=positions, scale=scale)
    shared = ForwardPass(start=0, mask=AttentionMask(causal=causal), cache=None)
    x, dy = drawn(2, 7, 12).requires_grad_(), drawn(2, 7, 12)
    inputs = [x, *module.parameters()]
    fused = module(x, shared)
    fused_gradients = torch.autograd.grad(fused, inputs, dy)
    with record_attention(module) as recorded:
        explicit = module(x, shared)
    assert recorded, "the explicit path was not taken"
    torch.testing.assert_close(explicit, fused, rtol=0, atol=1e-12)
    for one, other in zip(torch.autograd.grad(explicit, inputs, dy), fused_gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-11)


@pytest.mark.parametrize(("n_queries", "n_keys"), [(1, 5), (3, 5), (5, 5)])
def test_core_paths_agree_when_keys_lie_before_the_queries(n_queries: int, n_keys: int) -> None:
    core = attention().core
    q, k, v = drawn(2, 3, n_queries, 4), drawn(2, 3, n_keys, 4), drawn(2, 3, n_keys, 6)
    mask = AttentionMask(causal=True)
    torch.testing.assert_close(core(q, k, v, mask), core.weights(q, k, mask) @ v, rtol=0, atol=1e-12)


@pytest.mark.parametrize("qk_norm", [True, False])
@pytest.mark.parametrize("positions", ["rope", "none"])
def test_attention_gradients_match_finite_differences(positions: str, qk_norm: bool) -> None:
    module = attention(positions=positions, qk_norm=qk_norm, d_model=4, n_heads=2)
    x = drawn(1, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: module(x, TRAINING), (x,))


def test_explicit_path_has_second_derivatives() -> None:
    module = attention(positions="rope", qk_norm=True, d_model=4, n_heads=2)
    x = drawn(1, 3, 4).requires_grad_()
    with explicit_attention(module, lambda site, weights: weights):
        assert torch.autograd.gradgradcheck(lambda x: module(x, TRAINING), (x,))


@pytest.mark.parametrize("explicit", [True, False])
def test_attention_dropout_acts_in_training_only_and_keeps_the_mean(explicit: bool) -> None:
    torch.default_generator.manual_seed(0)
    core = attention(dropout=0.25)
    x = drawn(1, 6, 12)
    expected = core.eval()(x, TRAINING)
    torch.testing.assert_close(core(x, TRAINING), expected, rtol=0, atol=0)
    core.train()
    repeated = x.expand(4000, 6, 12)
    if explicit:
        with explicit_attention(core, lambda site, weights: weights):
            dropped = core(repeated, TRAINING)
    else:
        dropped = core(repeated, TRAINING)
    error = dropped.std(dim=0) / 4000**0.5
    assert error.min() > 0, "nothing was dropped"
    assert ((dropped.mean(dim=0) - expected[0]).abs() < 5 * error).all()
    # of the first token, which sees only itself, a head is dropped or scaled by 1 / (1 - 0.25)
    kept = nn.functional.linear(x[0, 0], core.value.weight, core.value.bias) / 0.75
    everything_kept = nn.functional.linear(kept, core.output.weight, core.output.bias)
    share = (dropped[:, 0] - everything_kept).abs().amax(dim=-1).lt(1e-9).double().mean()
    assert share.item() == pytest.approx(0.75**3, abs=0.04)


def test_qk_norm_makes_logits_independent_of_the_size_of_the_input() -> None:
    module = attention(qk_norm=True)
    for linear in (module.query, module.key):
        nn.init.zeros_(linear.bias)
    with record_attention(module) as recorded:
        for scale in (1.0, 100.0):
            module(scale * drawn(1, 5, 12), TRAINING)
    torch.testing.assert_close(*recorded["decoder", 0], rtol=0, atol=1e-5)


def test_width_that_heads_do_not_divide_is_refused() -> None:
    with pytest.raises(UserError, match=r"model\.d_model=10 must be a multiple of model\.n_heads=3"):
        attention(d_model=10)
