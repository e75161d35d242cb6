import math

import pytest
import torch
from torch import nn

from tuneformer.models.logit_bias import AlibiBias, T5Bias, alibi_slopes

pytestmark = pytest.mark.fast


def distances(n: int) -> torch.Tensor:
    return torch.arange(n)[:, None] - torch.arange(n)


def test_alibi_is_the_distance_times_the_slope_of_the_head() -> None:
    bias = AlibiBias(n_heads=4)(distances(9))
    for head, slope in enumerate((1 / 4, 1 / 16, 1 / 64, 1 / 256)):
        for i in range(9):
            for j in range(i + 1):
                assert bias[head, i, j].item() == -slope * (i - j)


@pytest.mark.parametrize(
    ("n_heads", "exponents"),
    [
        (1, [8]),
        (2, [4, 8]),
        (3, [4, 8, 2]),
        (6, [2, 4, 6, 8, 1, 3]),
        (12, [1, 2, 3, 4, 5, 6, 7, 8, 0.5, 1.5, 2.5, 3.5]),
        (16, [h / 2 for h in range(1, 17)]),
    ],
)
def test_alibi_slopes_are_those_of_the_authors_code(n_heads: int, exponents: list[float]) -> None:
    assert alibi_slopes(n_heads) == pytest.approx([2.0**-exponent for exponent in exponents], rel=1e-15)


def bucket_by_definition(distance: int, *, n_buckets: int, max_distance: int, causal: bool) -> int:
    """T5's relative_position_bucket, for one pair: distance = query - key."""
    bucket = 0
    if causal:
        distance = max(distance, 0)
    else:
        n_buckets //= 2
        if distance < 0:
            bucket += n_buckets
        distance = abs(distance)
    single = n_buckets // 2
    if distance < single:
        return bucket + distance
    share = math.log(distance / single) / math.log(max_distance / single)
    # a share that is whole but for rounding is that number
    return bucket + min(single + math.floor(share * (n_buckets - single) + 1e-9), n_buckets - 1)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("n_buckets", "max_distance"), [(32, 128), (6, 8), (32, 64)])
def test_t5_buckets_are_the_papers(causal: bool, n_buckets: int, max_distance: int) -> None:
    bias = T5Bias(n_heads=2, n_buckets=n_buckets, max_distance=max_distance, causal=causal)
    buckets = bias.bucket(distances(300))
    for i in range(0, 300, 7):
        for j in range(300):
            expected = bucket_by_definition(
                i - j, n_buckets=n_buckets, max_distance=max_distance, causal=causal
            )
            assert buckets[i, j] == expected or (causal and j > i), i - j
    assert buckets.max() == n_buckets - 1


def test_t5_bias_is_the_number_of_the_bucket_and_trains_it() -> None:
    module = T5Bias(n_heads=3, n_buckets=6, max_distance=8, causal=True)
    nn.init.normal_(module.relative_bias)
    bias = module(distances(5))
    assert bias.shape == (3, 5, 5)
    torch.testing.assert_close(bias[:, 4, 2], module.relative_bias[2])
    bias[1, 3, 3].backward()
    assert module.relative_bias.grad is not None
    assert module.relative_bias.grad.nonzero().tolist() == [[0, 1]]


def test_blocks_of_distances_give_blocks_of_biases() -> None:
    module = T5Bias(n_heads=3, n_buckets=6, max_distance=8, causal=True)
    nn.init.normal_(module.relative_bias)
    for bias in (module, AlibiBias(n_heads=3)):
        whole = bias(distances(6))
        blocks = bias(torch.stack([distances(6)[:3], distances(6)[3:]]))
        torch.testing.assert_close(blocks, torch.stack([whole[:, :3], whole[:, 3:]]), rtol=0, atol=0)
