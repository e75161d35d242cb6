"""Averages of weights against their closed forms."""

import pytest
import torch
from torch import nn

from tuneformer.errors import UserError
from tuneformer.training.callbacks.averaging import ExponentialMovingAverage, TailAverage, WeightAverage

pytestmark = pytest.mark.fast


def averages(average: WeightAverage, values: list[float]) -> list[float | None]:
    """The average after each step of a weight that takes these values."""
    model, seen = nn.ParameterDict({"w": torch.zeros(1, dtype=torch.float64)}), []
    for step, value in enumerate(values, start=1):
        model["w"].data.fill_(value)
        average.update(model, step=step, n_steps=len(values))
        seen.append(None if average.weights is None else average.weights["w"].item())
    return seen


def test_a_tail_average_is_the_mean_of_the_weights_from_its_start_on() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 9.0, 3.0, 7.0, 8.0, 6.0, 0.0]
    seen = averages(TailAverage(start=0.6), values)
    assert seen[:6] == [None] * 6
    assert seen[6:] == pytest.approx([7.0, 7.5, 7.0, 5.25])
    assert averages(TailAverage(start=0.0), values)[-1] == pytest.approx(4.5)


def test_an_exponential_average_forgets_by_its_growing_decay() -> None:
    values = [float(value) for value in torch.randn(200, generator=torch.Generator().manual_seed(0))]
    seen = averages(ExponentialMovingAverage(decay=0.9), values)
    expected = values[0]
    for t, value in enumerate(values[1:], start=2):
        decay = min(0.9, (1 + t) / (10 + t))
        expected = decay * expected + (1 - decay) * value
        assert seen[t - 1] == pytest.approx(expected)


def test_once_warm_an_exponential_average_of_a_line_lags_by_a_constant() -> None:
    """Of weights w_t = t it is t - d / (1 - d), the geometric series."""
    seen = averages(ExponentialMovingAverage(decay=0.5), [float(t) for t in range(1, 300)])
    assert seen[-1] == pytest.approx(299 - 1.0)


@pytest.mark.parametrize(
    ("make", "value"), [(ExponentialMovingAverage, 1.0), (ExponentialMovingAverage, 0.0)]
)
def test_a_decay_outside_its_range_is_refused(make: type, value: float) -> None:
    with pytest.raises(UserError, match=r"callbacks\.averaging\.decay="):
        make(decay=value)
    with pytest.raises(UserError, match=r"callbacks\.averaging\.start=1"):
        TailAverage(start=1.0)
