import pytest
import torch

from tests.measures.maps import causal, drawn_map, harmonic, looks_at
from tuneformer.measures.attention_shares import uniform_attention
from tuneformer.measures.induction import prefix_matching, prefix_matching_of_tokens, previous_token

pytestmark = pytest.mark.fast


def repeated(n: int, copies: int = 2) -> torch.Tensor:
    """n different tokens in a random order, again and again."""
    row = torch.randperm(n + 5, generator=torch.Generator().manual_seed(n))[:n]
    return row.repeat(1, copies)


def test_a_perfect_previous_token_head_scores_one_and_others_less() -> None:
    n = 10
    before, own = looks_at([max(i - 1, 0) for i in range(n)]), looks_at(list(range(n)))
    both = torch.cat([before, own, 0.5 * before + 0.5 * own], dim=1)
    expected = torch.tensor([1.0, 0.0, 0.5], dtype=torch.float64)
    torch.testing.assert_close(previous_token(both, causal(n)), expected)
    null = previous_token(uniform_attention(causal(n), both), causal(n))
    torch.testing.assert_close(null, torch.full((3,), (harmonic(n) - 1) / (n - 1), dtype=torch.float64))


def test_a_hand_built_induction_head_scores_one() -> None:
    n = 7
    head = looks_at([0] * n + [i - n + 1 for i in range(n, 2 * n)])
    shifted = looks_at([0] * n + [i - n for i in range(n, 2 * n)])
    heads = torch.cat([head, shifted], dim=1)
    assert prefix_matching(heads, n=n).tolist() == [1, 0]
    assert prefix_matching_of_tokens(heads, repeated(n)).tolist() == [1, 0]
    null = prefix_matching(uniform_attention(causal(2 * n), head), n=n).item()
    assert null == pytest.approx((harmonic(2 * n) - harmonic(n)) / n)


def test_a_head_that_compares_tokens_matches_prefixes() -> None:
    # softmax(scale [token before key = token of query]), written out, on rows of different periods
    tokens = torch.cat([repeated(5, copies=4)[:, :16], repeated(8)])
    logits = torch.full((2, 1, 16, 16), float("-inf"), dtype=torch.float64)
    for b in range(2):
        for query in range(16):
            for key in range(query + 1):
                match = key > 0 and tokens[b, key - 1] == tokens[b, query] and key - 1 < query
                logits[b, 0, query, key] = 50.0 if match else 0.0
    assert prefix_matching_of_tokens(logits.softmax(-1), tokens).item() == pytest.approx(1)
    shuffled = tokens[:, torch.randperm(16, generator=torch.Generator().manual_seed(3))]
    assert prefix_matching_of_tokens(logits.softmax(-1), shuffled).item() < 0.5


def test_on_two_copies_both_definitions_agree() -> None:
    weights = drawn_map(1, 4, 12, 12, allowed=causal(12))
    by_tokens = prefix_matching_of_tokens(weights, repeated(6))
    torch.testing.assert_close(prefix_matching(weights, n=6), by_tokens)


def test_without_a_repetition_there_is_no_score() -> None:
    weights = drawn_map(1, 2, 6, 6, allowed=causal(6))
    assert prefix_matching_of_tokens(weights, torch.arange(6)[None]).isnan().all()
