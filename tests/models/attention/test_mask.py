import pytest
import torch

from tests.models.attention.modules import build, drawn
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.attention.qkv.softmax import SoftmaxCore

pytestmark = pytest.mark.fast

CPU = torch.device("cpu")
# padding before, between and after tokens, and a sequence of nothing else
VISIBLE = torch.tensor([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1], [1, 0, 1, 0, 0], [0, 0, 0, 0, 0]]).bool()


def softmax_core() -> SoftmaxCore:
    module = build("multi_head")
    assert isinstance(module.core, SoftmaxCore)
    return module.core


@pytest.mark.parametrize(("n_queries", "n_keys"), [(4, 4), (2, 5), (3, 7)])
def test_causal_mask_lets_a_query_see_itself_and_what_lies_before(n_queries: int, n_keys: int) -> None:
    allowed = AttentionMask(causal=True).allowed(n_queries, n_keys, CPU)
    assert allowed is not None
    before = n_keys - n_queries
    for query in range(n_queries):
        for key in range(n_keys):
            assert allowed[query, key] == (key <= before + query)


def test_nothing_is_masked_for_a_single_last_query_or_without_causality() -> None:
    assert AttentionMask(causal=True).allowed(1, 5, CPU) is None
    assert AttentionMask(causal=False).allowed(3, 3, CPU) is None
    assert AttentionMask(causal=False).allowed(3, 7, CPU) is None


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("n_queries", [1, 3, 5])
def test_padding_is_seen_by_no_query(causal: bool, n_queries: int) -> None:
    allowed = AttentionMask(causal=causal, visible=VISIBLE).allowed(n_queries, 5, CPU)
    assert allowed is not None
    allowed = allowed.expand(4, 1, n_queries, 5)
    for batch in range(4):
        for query in range(n_queries):
            for key in range(5):
                in_order = not causal or key <= 5 - n_queries + query
                assert allowed[batch, 0, query, key] == (VISIBLE[batch, key].item() and in_order)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("n_queries", [1, 4, 5])
def test_both_paths_ignore_padding_in_value_and_gradient(causal: bool, n_queries: int) -> None:
    core = softmax_core()
    mask = AttentionMask(causal=causal, visible=VISIBLE)
    q, k, v = (drawn(4, 2, n, 3, seed=n + i).requires_grad_() for i, n in enumerate([n_queries, 5, 5]))
    fused, explicit = core(q, k, v, mask), core.weights(q, k, mask) @ v
    torch.testing.assert_close(explicit, fused, rtol=0, atol=1e-12)
    dy = drawn(*fused.shape)
    gradients = [torch.autograd.grad(y, (q, k, v), dy) for y in (fused, explicit)]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
    for gradient in gradients[0][1:]:
        assert (gradient[~VISIBLE[:, None, :].expand(4, 2, 5)] == 0).all(), "padding has a gradient"
    for batch in range(4):
        for query in range(n_queries):
            seen = VISIBLE[batch].clone()
            if causal:
                seen[5 - n_queries + query + 1 :] = False
            expected = torch.zeros(2, 3, dtype=torch.float64)
            if seen.any():
                logits = torch.einsum("hd,hkd->hk", q[batch, :, query], k[batch][:, seen]) / 3**0.5
                expected = torch.einsum("hk,hkd->hd", logits.softmax(-1), v[batch][:, seen])
            torch.testing.assert_close(fused[batch, :, query], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_query_that_may_see_nothing_gathers_nothing_and_has_no_gradient(dtype: torch.dtype) -> None:
    core = softmax_core()
    mask = AttentionMask(causal=True, visible=VISIBLE[[1, 3]])
    q, k, v = (drawn(2, 1, 5, 8, seed=seed).to(dtype).requires_grad_() for seed in (1, 2, 3))
    for path in (lambda: core(q, k, v, mask), lambda: core.weights(q, k, mask) @ v):
        mixed = path()
        assert (mixed[0, :, :2] == 0).all()
        assert (mixed[1] == 0).all()
        assert (mixed[0, :, 2:] != 0).all()
        gradients = torch.autograd.grad(mixed.square().sum() + mixed.sum(), (q, k, v))
        assert all(gradient.isfinite().all() for gradient in gradients)
        assert all((gradient[1] == 0).all() for gradient in gradients)
