import numpy as np
import pytest

from tuneformer.data.pairs.length_buckets import POOL_BATCHES, LengthBuckets

pytestmark = pytest.mark.fast

LENGTHS = np.random.default_rng(0).integers(1, 60, size=(2, 1003))


def buckets(batch_size: int = 8) -> LengthBuckets:
    return LengthBuckets(LENGTHS[0], LENGTHS[1], batch_size=batch_size)


def test_a_step_is_a_function_of_seed_and_step_alone() -> None:
    in_order = buckets()
    expected = [in_order.rows(seed=3, step=step) for step in range(300)]
    for step in (299, 7, 130, 0):
        assert np.array_equal(buckets().rows(seed=3, step=step), expected[step])
    assert not np.array_equal(buckets().rows(seed=4, step=7), expected[7])


def test_an_epoch_has_each_pair_once_but_for_less_than_a_batch() -> None:
    here = buckets()
    assert here.batches_per_epoch == 1003 // 8
    for epoch in (0, 1):
        steps = range(epoch * here.batches_per_epoch, (epoch + 1) * here.batches_per_epoch)
        rows = np.concatenate([here.rows(seed=0, step=step) for step in steps])
        assert len(rows) == len(set(rows.tolist())) == 1000
    first, second = (here.rows(seed=0, step=epoch * here.batches_per_epoch) for epoch in (0, 1))
    assert not np.array_equal(first, second)


def test_a_batch_is_of_about_one_length_and_batches_come_in_no_order_of_length() -> None:
    here = buckets()
    lengths = np.array(
        [LENGTHS[1, here.rows(seed=0, step=step)].mean() for step in range(here.batches_per_epoch)]
    )
    spread = [np.ptp(LENGTHS[1, here.rows(seed=0, step=step)]) for step in range(here.batches_per_epoch)]
    # 50 batches of a pool share 59 lengths
    assert POOL_BATCHES == 50
    assert np.median(spread) <= 3
    assert abs(np.corrcoef(lengths[:-1], lengths[1:])[0, 1]) < 0.3
