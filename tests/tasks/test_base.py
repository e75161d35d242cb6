"""What every task shares."""

import numpy as np
import pytest
import torch

from tuneformer.tasks.base import RunningMean, _count_parts_of_steps, is_finite


@pytest.mark.fast
def test_running_mean_is_the_mean_since_it_was_reset_in_double_precision() -> None:
    values = np.random.default_rng(0).normal(size=1000).astype(np.float32) + 1e4
    mean = RunningMean()
    assert mean.mean() is None
    mean.add(torch.tensor(99.0))
    mean.reset()
    for value in values:
        mean.add(torch.tensor(value, requires_grad=True))
    found = mean.mean()
    assert found is not None
    assert not found.requires_grad
    assert found.item() == pytest.approx(values.astype(np.float64).mean(), rel=1e-15)


@pytest.mark.fast
@pytest.mark.parametrize("n_before", [0, 1, 3])
def test_running_mean_goes_on_from_its_state_bit_for_bit(n_before: int) -> None:
    values = torch.rand(7, generator=torch.Generator().manual_seed(0))
    whole, first, second = RunningMean(), RunningMean(), RunningMean()
    for value in values[:n_before]:
        whole.add(value)
        first.add(value)
    second.restore(*first.state())
    assert second.state() == first.state()
    assert (second.mean() is None) is (n_before == 0)
    for value in values[n_before:]:
        whole.add(value)
        second.add(value)
    assert whole.state() == second.state()


@pytest.mark.fast
def test_only_numbers_are_finite_and_nothing_is() -> None:
    assert is_finite(None)
    assert is_finite(torch.tensor(1e300, dtype=torch.float64))
    assert not is_finite(torch.tensor(torch.nan))
    assert not is_finite(torch.tensor(-torch.inf))


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
