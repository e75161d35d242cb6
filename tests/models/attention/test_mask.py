import pytest
import torch

from tuneformer.models.attention.mask import AttentionMask

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(("n_queries", "n_keys"), [(4, 4), (2, 5), (3, 7)])
def test_causal_mask_lets_a_query_see_itself_and_what_lies_before(n_queries: int, n_keys: int) -> None:
    allowed = AttentionMask(causal=True).allowed(n_queries, n_keys, torch.device("cpu"))
    assert allowed is not None
    before = n_keys - n_queries
    for query in range(n_queries):
        for key in range(n_keys):
            assert allowed[query, key] == (key <= before + query)


def test_nothing_is_masked_for_a_single_last_query_or_without_causality() -> None:
    cpu = torch.device("cpu")
    assert AttentionMask(causal=True).allowed(1, 5, cpu) is None
    assert AttentionMask(causal=False).allowed(3, 3, cpu) is None
