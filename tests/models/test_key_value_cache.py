import pytest
import torch

from tuneformer.models.key_value_cache import LayerKeyValues

pytestmark = pytest.mark.fast


def test_a_layers_cache_returns_all_keys_and_values_so_far() -> None:
    keys, values = torch.randn(2, 3, 6, 4), torch.randn(2, 3, 6, 5)
    cache = LayerKeyValues(capacity=6)
    start = 0
    for n_new in (3, 1, 2):
        end = start + n_new
        all_keys, all_values = cache.extend(start, keys[:, :, start:end], values[:, :, start:end])
        torch.testing.assert_close(all_keys, keys[:, :, :end], rtol=0, atol=0)
        torch.testing.assert_close(all_values, values[:, :, :end], rtol=0, atol=0)
        start = end


def test_a_layers_cache_is_laid_out_once() -> None:
    cache = LayerKeyValues(capacity=6)
    first, _ = cache.extend(0, torch.zeros(1, 1, 2, 4), torch.zeros(1, 1, 2, 4))
    second, _ = cache.extend(2, torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4))
    assert first.data_ptr() == second.data_ptr()


def test_a_full_cache_takes_no_more() -> None:
    cache = LayerKeyValues(capacity=2)
    with pytest.raises(AssertionError, match="3 tokens in a cache for 2"):
        cache.extend(0, torch.zeros(1, 1, 3, 4), torch.zeros(1, 1, 3, 4))


def test_a_cache_goes_on_with_the_selected_sequences() -> None:
    keys, values = torch.randn(2, 3, 5, 4), torch.randn(2, 3, 5, 4)
    cache = LayerKeyValues(capacity=6)
    cache.select(torch.tensor([0]))  # nothing kept yet, nothing to select
    cache.extend(0, keys[:, :, :4], values[:, :, :4])
    rows = torch.tensor([1, 0, 1])
    cache.select(rows)
    all_keys, all_values = cache.extend(4, keys[rows, :, 4:], values[rows, :, 4:])
    torch.testing.assert_close(all_keys, keys[rows], rtol=0, atol=0)
    torch.testing.assert_close(all_values, values[rows], rtol=0, atol=0)
