"""Short texts in bfloat16 on a CPU: as near the exact values as torch's kernel, and where it is used."""

import subprocess
import sys
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from tuneformer.models.attention.qkv import cpu_bf16_sdpa as short
from tuneformer.models.attention.qkv.cpu_bf16_sdpa import short_attention
from tuneformer.models.attention.qkv.softmax import fused

SHAPE = (2, 3, 40, 16)
Tensors = tuple[Tensor, ...]


def drawn(dtype: torch.dtype = torch.bfloat16, *, keys: int = SHAPE[2]) -> Tensors:
    """Queries, keys and values, each with a gradient."""
    generator = torch.Generator().manual_seed(0)
    shapes = (SHAPE, (*SHAPE[:2], keys, 16), (*SHAPE[:2], keys, 8))
    drawn = [torch.randn(shape, generator=generator).mul(1.5) for shape in shapes]
    return tuple(each.to(dtype).requires_grad_() for each in drawn)


def with_gradients(mixed: Tensor, inputs: Tensors) -> Tensors:
    """The values and the gradients of a fixed weighting of them."""
    weighting = torch.linspace(-1, 1, mixed.numel()).view(mixed.shape).to(mixed.dtype)
    return mixed, *torch.autograd.grad(mixed, inputs, weighting)


@pytest.mark.fast
@pytest.mark.parametrize("is_causal", [True, False])
@pytest.mark.parametrize("scale", [0.25, 1.0])
def test_its_error_is_the_rounding_of_what_goes_into_a_product(is_causal: bool, scale: float) -> None:
    inputs = drawn()
    mixed = short_attention(*inputs, is_causal=is_causal, scale=scale)
    assert mixed is not None
    assert mixed.dtype == torch.bfloat16
    exact_inputs = tuple(each.detach().double().requires_grad_() for each in inputs)
    q, k, v = exact_inputs
    exact = F.scaled_dot_product_attention(q, k, v, is_causal=is_causal, scale=scale)
    q, k, v = inputs
    filled = F.pad(v, (0, 8))  # torch's kernel wants values as wide as keys
    kernel = F.scaled_dot_product_attention(q, k, filled, is_causal=is_causal, scale=scale)[..., :8]
    for ours, theirs, truth in zip(
        with_gradients(mixed, inputs),
        with_gradients(kernel, inputs),
        with_gradients(exact, exact_inputs),
        strict=True,
    ):
        error = (ours.double() - truth).norm() / truth.norm()
        assert error < 1.5 * (theirs.double() - truth).norm() / truth.norm() + 1e-4
        assert error < 2.0**-7


@pytest.mark.fast
def test_a_causal_query_sees_nothing_behind_it() -> None:
    q, k, v = drawn()
    before = short_attention(q, k, v, is_causal=True, scale=0.25)
    with torch.no_grad():
        k[:, :, 20:], v[:, :, 20:] = 3.0, -3.0
    after = short_attention(q, k, v, is_causal=True, scale=0.25)
    assert before is not None
    assert after is not None
    assert torch.equal(before[:, :, :20], after[:, :, :20])
    assert not torch.equal(before[:, :, 20:], after[:, :, 20:])


@pytest.mark.fast
def test_what_tensors_are_made_of_by_default_does_not_matter() -> None:
    inputs = drawn()
    expected = short_attention(*inputs, is_causal=True, scale=0.25)
    torch.set_default_dtype(torch.bfloat16)
    try:
        found = short_attention(*inputs, is_causal=True, scale=0.25)
    finally:
        torch.set_default_dtype(torch.float32)
    assert expected is not None
    assert found is not None
    assert torch.equal(found, expected)


@pytest.mark.fast
def test_autocast_asks_for_it_and_float32_does_not() -> None:
    inputs = drawn(torch.float32)
    assert short_attention(*inputs, is_causal=True, scale=0.25) is None
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = short_attention(*inputs, is_causal=True, scale=0.25)
    assert mixed is not None
    assert mixed.dtype == torch.bfloat16
    same = short_attention(*(each.bfloat16() for each in inputs), is_causal=True, scale=0.25)
    assert same is not None
    assert torch.equal(mixed, same)
    with torch.autocast("cpu", dtype=torch.float16):
        assert short_attention(*inputs, is_causal=True, scale=0.25) is None


@pytest.mark.fast
def test_long_texts_shared_heads_masks_dropout_and_second_derivatives_are_left_to_torch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    q, k, v = drawn()
    assert short_attention(q, *drawn(keys=short.LONGEST + 1)[1:], is_causal=False, scale=0.25) is None
    assert short_attention(q, k[:, :1], v[:, :1], is_causal=True, scale=0.25) is None
    with sdpa_kernel(SDPBackend.MATH):
        assert short_attention(q, k, v, is_causal=True, scale=0.25) is None
    asked: list[bool] = []
    kernel = F.scaled_dot_product_attention

    def watched(*given: Any, **named: Any) -> Tensor:
        asked.append(True)
        return kernel(*given, **named)

    monkeypatch.setattr(F, "scaled_dot_product_attention", watched)
    visible = torch.ones(SHAPE[2], SHAPE[2], dtype=torch.bool)
    for mask, dropout, expected in ((None, 0.0, 0), (visible, 0.0, 1), (None, 0.5, 1)):
        asked.clear()
        fused(q, k, v, mask=mask, is_causal=False, scale=None, dropout=dropout)
        assert len(asked) == expected


@pytest.mark.fast
def test_a_second_derivative_is_refused_not_wrong() -> None:
    inputs = drawn()
    mixed = short_attention(*inputs, is_causal=True, scale=0.25)
    assert mixed is not None
    (gradient,) = torch.autograd.grad(mixed.float().square().sum(), inputs[:1], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.float().sum().backward()


COMPILED = """
import torch
from tuneformer.models.attention.qkv.softmax import fused

torch.manual_seed(0)
q, k, v = (torch.randn(2, 3, 40, 16, requires_grad=True) for _ in range(3))

def attend(q, k, v):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return fused(q, k, v, mask=None, is_causal=True, scale=None, dropout=0.0)

for ours, plain in zip(*(torch.autograd.grad(f(q, k, v).float().square().sum(), (q, k, v))
                         for f in (torch.compile(attend, fullgraph=True), attend))):
    assert (ours - plain).norm() <= 2.0**-7 * plain.norm()
print("same")
"""


@pytest.mark.proof
def test_compiled_it_is_the_same() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMPILED], check=False, capture_output=True, text=True, timeout=300
    )
    assert done.stdout == "same\n", done.stderr
