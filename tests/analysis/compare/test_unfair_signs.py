"""Signs of an unfair setting are found where they are planted, and nowhere else."""

import numpy as np
import pytest

from tests.analysis.compare.trials import trial, trials
from tuneformer.analysis.compare.comparison import compare
from tuneformer.analysis.compare.trial import Trial

RATES = (1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2)
FAIR = (2.04, 1.95, 1.93, 1.96, 2.05)
OURS = (2.191, 2.085, 2.223, 2.187, 2.187)
"""AdamW from small initial weights with a short warmup (docs/results/optimizers.md)."""


def caveats(adamw: list[Trial]) -> list[str]:
    others = [trial("muon", lr=lr, val=loss) for lr, loss in zip(RATES, FAIR, strict=True)]
    read = trials([*adamw, *others])
    found = compare(read, metric="val/loss", by=[], baseline=None, target=None, tolerance=0.02)
    return [line for line in found.caveats if line.startswith("unfair to")]


def test_a_smooth_basin_is_fair() -> None:
    assert caveats([trial(lr=lr, val=loss) for lr, loss in zip(RATES, FAIR, strict=True)]) == []


def test_our_own_uneven_basin_is_told() -> None:
    (line,) = caveats([trial(lr=lr, val=loss) for lr, loss in zip(RATES, OURS, strict=True)])
    assert line.startswith("unfair to adamw? the loss over the learning rate falls, rises and falls again")


@pytest.mark.parametrize("losses", [(2.1, 1.93, 1.94, 1.935, 2.2), (2.1, 1.93, 1.93, np.inf, np.inf)])
def test_unevenness_below_the_tolerance_and_divergence_are_none(losses: tuple[float, ...]) -> None:
    assert caveats([trial(lr=lr, val=loss) for lr, loss in zip(RATES, losses, strict=True)]) == []


@pytest.mark.parametrize(("growth", "n"), [(1.0, 0), (30.0, 1)])
def test_a_spread_that_grows_with_the_rate_is_told(growth: float, n: int) -> None:
    draw = np.random.default_rng(0).normal(0, 0.003, (len(RATES), 4))
    runs = [
        trial(lr=lr, seed=seed, val=loss + draw[index, seed] * growth ** (index / 4))
        for index, (lr, loss) in enumerate(zip(RATES, (2.04, 1.95, 1.93, 2.3, 2.8), strict=True))
        for seed in range(4)
    ]
    found = caveats(runs)
    assert len(found) == n
    assert all(line.startswith("unfair to adamw? the spread over seeds grows") for line in found)
