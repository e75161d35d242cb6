import math

import pytest

from tests.analysis.compare.trials import trial, trials
from tuneformer.analysis.compare.criterion import Criterion
from tuneformer.analysis.compare.design import understand
from tuneformer.analysis.compare.rank_stability import RankStability, rank_stability
from tuneformer.analysis.compare.selection import select
from tuneformer.analysis.compare.trial import Trial

pytestmark = pytest.mark.fast

LOSS = Criterion(choose="val/loss", report="val/loss", lower_is_better=True)


def halfway(*each: Trial) -> RankStability | None:
    return rank_stability(select(each, understand(trials(each), by=[]), LOSS), LOSS)


def test_an_order_that_turns_over_is_told() -> None:
    found = halfway(
        trial("adamw", val=2.0, curve=[4.0, 3.5, 3.0, 2.0]),
        trial("lion", val=2.5, curve=[3.0, 2.8, 2.6, 2.5]),
        trial("sgd", val=3.0, curve=[5.0, 3.6, 3.4, 3.0]),
    )
    assert found is not None
    assert found.middle == ("lion", "adamw", "sgd")
    assert found.end == ("adamw", "lion", "sgd")
    assert found.tau == pytest.approx(1 / 3)


def test_what_diverged_is_last_and_what_logged_nothing_has_no_place() -> None:
    found = halfway(
        trial("adamw", val=2.0, curve=[3.0, 2.0]), trial("lion", val=math.inf), trial("sgd", val=3.0)
    )
    assert found is not None
    assert found.middle == found.end == ("adamw", "lion")
    assert halfway(trial("adamw", val=2.0, curve=[3.0, 2.0]), trial("sgd", val=3.0)) is None
