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


METHODS = (
    "adamw",
    "lion",
    "torch.optim.NAdam",
    "torch.optim.RAdam",
    "torch.optim.Adagrad",
    "torch.optim.Rprop",
)


def two_rates_each(growth: float, random: np.random.Generator) -> list[Trial]:
    """Three seeds at two rates of every method, whose deviation at the higher is `growth` times as large."""
    return [
        trial(method, lr=lr, seed=seed, val=1.9 + random.normal(0, deviation))
        for method, base in zip(METHODS, (0.003, 0.003, 0.001, 0.001, 0.01, 0.01), strict=True)
        for lr, deviation in ((1e-3, base), (4e-3, growth * base))
        for seed in range(3)
    ]


def growing(runs: list[Trial]) -> list[str]:
    found = compare(trials(runs), metric="val/loss", by=[], baseline=None, target=None, tolerance=0.02)
    return [line for line in found.caveats if "spread over seeds grows" in line]


def test_a_spread_that_grows_a_little_for_every_method_is_told_of_all_together() -> None:
    assert len(growing(two_rates_each(5.0, np.random.default_rng(0)))) == 1
    random = np.random.default_rng(1)
    false = sum(bool(growing(two_rates_each(1.0, random))) for _ in range(60))
    assert false <= 9  # each of six methods is judged at 1 %, and all together


def of_a_family(means: dict[str, float], deviation: float) -> list[Trial]:
    random = np.random.default_rng(0)
    return [
        trial(method, seed=seed, val=mean + random.normal(0, deviation))
        for method, mean in means.items()
        for seed in range(3, 9)
    ]


def apart(means: dict[str, float], deviation: float) -> list[str]:
    read = trials(of_a_family(means, deviation))
    found = compare(read, metric="val/loss", by=[], baseline=None, target=None, tolerance=0.02)
    return [line for line in found.caveats if "family" in line]


def test_kin_far_apart_are_told_as_in_our_own_unfair_table_and_not_in_the_fair_one() -> None:
    """The means are those of docs/results/optimizers.md, before and after."""
    kin = ("adamw", "torch.optim.Adam", "torch.optim.NAdam", "torch.optim.RAdam")
    unfair = dict(zip(kin, (2.0621, 2.0649, 1.9391, 2.0797), strict=True))
    (line,) = apart(unfair | {"lion": 2.516}, 0.022)
    assert line.startswith(
        "unfair to torch.optim.NAdam, torch.optim.RAdam? methods of the family of AdamW are"
    )
    fair = dict(zip(kin, (1.848, 1.847, 1.8265, 1.8468), strict=True))
    assert apart(fair | {"lion": 1.8958}, 0.007) == []
    assert apart({"adamw": 1.8, "lion": 2.5, "torch.optim.SGD": 2.1}, 0.007) == []  # of no one family
