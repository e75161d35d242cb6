"""Learning curves over seeds."""

import numpy as np
import pytest

from tests.analysis.compare.trials import trial, trials
from tuneformer.analysis.compare.bands import Band, learning_bands, thinned
from tuneformer.analysis.compare.criterion import Criterion
from tuneformer.analysis.compare.design import understand
from tuneformer.analysis.compare.selection import select
from tuneformer.analysis.compare.trial import Trial

pytestmark = pytest.mark.fast

LOSS = Criterion(choose="val/loss", report="val/loss", lower_is_better=True)


def bands(*each: Trial) -> list[Band]:
    return learning_bands(select(each, understand(trials(each), by=[]), LOSS), ["val/loss", "lr"])


def test_a_band_is_mean_lowest_and_highest_over_the_seeds() -> None:
    found = bands(
        trial(seed=0, curve=[4.0, 3.0, 2.0], seconds=10), trial(seed=1, curve=[4.2, 3.4, 2.2], seconds=20)
    )
    loss, rate = found
    assert (loss.metric, rate.metric, loss.n) == ("val/loss", "lr", 2)
    assert loss.mean == pytest.approx([4.1, 3.2, 2.1])
    assert loss.low == pytest.approx([4.0, 3.0, 2.0])
    assert loss.high == pytest.approx([4.2, 3.4, 2.2])
    assert loss.axes["seconds"] == pytest.approx([5.0, 10.0, 15.0])
    assert loss.axes["tokens"] == pytest.approx([64 * 100 / 3, 64 * 200 / 3, 6400])


def test_only_steps_that_all_seeds_logged_are_drawn_and_no_band_without_them() -> None:
    (loss, _) = bands(trial(seed=0, curve=[4.0, 3.0, 2.5, 2.0]), trial(seed=1, curve=[3.2, 2.2]))
    assert loss.axes["step"].tolist() == [50.0, 100.0]
    assert loss.mean == pytest.approx([3.1, 2.1])
    assert bands(trial(seed=0), trial(seed=1)) == []
    assert bands(trial(seed=0, curve=[np.nan])) == bands(trial(seed=0, curve=[np.nan]))[:1]


def test_long_curves_are_thinned_and_keep_their_ends() -> None:
    places = thinned(10_000)
    assert (len(places), places[0], places[-1]) == (200, 0, 9999)
    assert thinned(3).tolist() == [0, 1, 2]
