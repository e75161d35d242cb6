"""What every task shares."""

import pytest

from tuneformer.tasks.base import _count_parts_of_steps


@pytest.mark.fast
@pytest.mark.parametrize(("before", "now"), [(1, 4), (4, 1), (3, 2), (2, 2)])
def test_counts_of_batches_are_those_of_the_new_accumulation(before: int, now: int) -> None:
    # as Lightning saves at the end of a batch: what it counts as completed lags by one
    counts = {
        "ready": 10 * before,
        "started": 10 * before,
        "processed": 10 * before,
        "completed": 10 * before - 1,
    }
    progress = {"total": dict(counts), "current": dict(counts), "is_last_batch": False}
    checkpoint = {"global_step": 10, "loops": {"fit_loop": {"epoch_loop.batch_progress": progress}}}
    assert _count_parts_of_steps(checkpoint, now) == now / before
    expected = {"ready": 10 * now, "started": 10 * now, "processed": 10 * now, "completed": 10 * now - 1}
    assert progress == {"total": expected, "current": expected, "is_last_batch": False}
