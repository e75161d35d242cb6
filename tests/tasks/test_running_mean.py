import numpy as np
import pytest
import torch

from tuneformer.tasks.running_mean import RunningMean


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
    assert RunningMean().is_finite()
    for value, finite in ((1e300, True), (float("nan"), False), (-float("inf"), False)):
        mean = RunningMean()
        mean.add(torch.tensor(value, dtype=torch.float64))
        assert mean.is_finite() == finite


@pytest.mark.fast
def test_each_rank_goes_on_from_its_own_state_and_on_other_devices_from_the_mean_of_all() -> None:
    states, mean = [[2.0, 4.0], [6.0, 8.0]], RunningMean()
    mean.restore_rank(states, 1, 2, scale=1.0)
    assert mean.state() == (6.0, 8.0)
    mean.restore_rank(states, 0, 1, scale=0.5)
    assert mean.state() == (2.0, 3.0)
