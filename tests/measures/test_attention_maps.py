import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import entr, softmax

from tests.measures.maps import causal, drawn_map, harmonic, looks_at
from tuneformer.measures.attention_maps import (
    entropy,
    entropy_bound,
    mean_distance,
    share_of_sink_heads,
    sink_rate,
)
from tuneformer.measures.attention_shares import shares, total_weight, uniform_attention

pytestmark = pytest.mark.fast


def nats(p: np.ndarray) -> np.ndarray:
    """The entropy of what p is a multiple of, over the last dimension."""
    return entr(p / p.sum(axis=-1, keepdims=True)).sum(axis=-1)


def uniform(n: int, allowed: torch.Tensor | None) -> torch.Tensor:
    return uniform_attention(allowed, torch.empty(1, 1, n, n, dtype=torch.float64))


def test_entropy_is_zero_on_one_key_and_one_where_all_are_equal() -> None:
    allowed = causal(9)
    assert entropy(looks_at([0, 0, 1, 3, 2, 0, 6, 1, 8]), allowed).item() == 0
    for mask in (allowed, None):
        assert entropy(uniform(9, mask), mask).item() == pytest.approx(1, abs=1e-12)


def test_entropy_is_scipy_s_over_the_keys_that_a_query_may_see() -> None:
    allowed = causal(7)
    weights = drawn_map(2, 3, 7, 7, allowed=allowed)
    rows = [nats(weights[:, :, i, : i + 1].numpy()) / np.log(i + 1) for i in range(1, 7)]
    expected = torch.from_numpy(np.mean(rows, axis=(0, 1)))
    torch.testing.assert_close(entropy(weights, allowed), expected, rtol=1e-12, atol=0)


def test_padding_counts_in_no_measure() -> None:
    visible = torch.tensor([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]]).bool()
    allowed = (visible[:, :, None] & visible[:, None, :])[:, None]
    weights = drawn_map(2, 2, 6, 6, allowed=allowed.expand(2, 2, 6, 6) | ~visible[:, None, :, None])
    alone = [weights[:1, :, :4, :4], weights[1:]]
    for measure in (entropy, sink_rate, mean_distance):
        means = torch.stack([measure(part, None) for part in alone])
        expected = (4 * means[0] + 6 * means[1]) / 10
        torch.testing.assert_close(measure(weights, allowed), expected, rtol=1e-12, atol=0)


def test_a_head_without_any_query_has_no_score() -> None:
    nothing = torch.zeros(1, 2, 4, 4)
    for measure in (entropy, sink_rate, mean_distance, total_weight):
        assert measure(nothing, None).isnan().all()


@pytest.mark.parametrize("n", [2, 5, 30])
@pytest.mark.parametrize("norm", [0.0, 0.5, 3.0, 20.0])
def test_entropy_bound_is_reached_by_one_high_logit_and_passed_by_no_other_row(n: int, norm: float) -> None:
    row = np.full(n, -1.0 / math.sqrt(n * (n - 1)))
    row[0] = math.sqrt((n - 1) / n)
    bound = entropy_bound(norm, n)
    assert nats(np.exp(norm * row - norm)) == pytest.approx(bound, abs=1e-9)
    draws = np.random.default_rng(0).normal(size=(500, n))
    draws *= norm / np.linalg.norm(draws, axis=1, keepdims=True)
    assert (nats(np.exp(draws)) >= bound - 1e-9).all()


def test_entropy_bound_is_what_a_search_finds() -> None:
    def found(direction: np.ndarray) -> float:
        return float(nats(softmax(2.0 * direction / np.linalg.norm(direction))))

    starts = np.random.default_rng(1).normal(size=(3, 6))
    assert min(minimize(found, start).fun for start in starts) == pytest.approx(entropy_bound(2.0, 6), 1e-4)


def test_uniform_attention_is_a_sink_by_the_mask_alone_in_nine_tokens_or_less() -> None:
    for n in (1, 9, 10, 64):
        rate = sink_rate(uniform(n, causal(n)), causal(n))
        assert rate.item() == pytest.approx(harmonic(n) / n, abs=1e-12)
        assert share_of_sink_heads(rate) == (n <= 9)
    assert sink_rate(uniform(64, causal(64)), causal(64)).item() == pytest.approx(0.074, abs=5e-4)


def test_sink_heads_are_counted() -> None:
    heads = torch.cat([looks_at([0] * 12), uniform(12, causal(12)), looks_at(list(range(12)))], dim=1)
    rates = sink_rate(heads, causal(12))
    torch.testing.assert_close(rates, torch.tensor([1.0, harmonic(12) / 12, 1 / 12], dtype=torch.float64))
    assert share_of_sink_heads(rates) == pytest.approx(1 / 3)
    assert share_of_sink_heads(torch.cat([rates, torch.tensor([torch.nan])])) == pytest.approx(1 / 3)


def test_mean_distance_of_previous_token_heads_and_of_uniform_attention() -> None:
    n, mask = 11, causal(11)
    before = looks_at([max(i - 1, 0) for i in range(n)])
    assert mean_distance(before[:, :, 1:], mask[1:]).item() == 1
    assert mean_distance(uniform(n, mask), mask).item() == pytest.approx((n - 1) / 4)
    assert mean_distance(uniform(n, None), None).item() == pytest.approx((n**2 - 1) / (3 * n))
    assert mean_distance(looks_at(list(range(n))), mask).item() == 0


def test_signed_and_unnormalised_weights_are_measured_by_their_shares() -> None:
    p = drawn_map(2, 2, 6, 6, allowed=causal(6))
    signs = torch.where(torch.arange(6) % 2 == 0, 1.0, -1.0)
    odd = 0.3 * signs * p
    torch.testing.assert_close(shares(odd), p)
    for measure in (entropy, sink_rate, mean_distance):
        torch.testing.assert_close(measure(odd, causal(6)), measure(p, causal(6)))
    torch.testing.assert_close(total_weight(odd, causal(6)), torch.tensor([0.3, 0.3], dtype=torch.float64))


def test_short_floats_are_measured_in_float32() -> None:
    p = drawn_map(1, 2, 32, 32, allowed=causal(32))
    short = entropy(p.bfloat16(), causal(32))
    assert short.dtype == torch.float32
    torch.testing.assert_close(short.double(), entropy(p, causal(32)), rtol=0.01, atol=0)
