"""The rows of a published study in place of training: half of them name the published winner."""

import csv
import math
import random
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.sweeps.ask.world import run_phase
from tuneformer.sweeps.ask.trials import AskedTrial, Point, TrialResult
from tuneformer.sweeps.ask.tuning import FEWEST, tune

TABLE = Path(__file__).parents[3] / "docs" / "results" / "published_losses_130m.csv"
ROW = "row"
TIED = 0.001  # of losses of single runs, in nats


class RowSource:
    """The rows of a method; near to one are those that change the same setting."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def draw(self, n: int, *, seed: int) -> list[Point]:
        return [_point(name) for name in self._shuffled(seed)[:n]]

    def draw_near(self, centre: Point, n: int, *, width: float, seed: int) -> list[Point]:
        changed = str(dict(centre)[ROW]).partition("=")[0]
        names = sorted(self._shuffled(seed), key=lambda name: name.partition("=")[0] != changed)
        return [_point(name) for name in names if _point(name) != centre][:n]

    def on_edge(self, point: Point) -> list[str]:
        return []

    def _shuffled(self, seed: int) -> list[str]:
        names = list(self.names)
        random.Random(seed).shuffle(names)
        return names


def _point(name: str) -> Point:
    return ((ROW, name),)


def published() -> dict[str, dict[str, dict[str, float]]]:
    """Losses by length, method and row."""
    found: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            loss = float(row["final_loss"] or math.inf)
            length = found[row["chinchilla_multiple"]]
            length[row["optimizer"]][row["change_from_best_setting"]] = loss
    return found


def tuned_score(method: str, rows: Mapping[str, float], *, seed: int) -> float:
    """The loss of the best row that tuning with half of the rows finds."""

    def result(trial: AskedTrial) -> TrialResult:
        loss = rows[str(dict(trial.values)[ROW])]
        return TrialResult(chosen_by=loss, reported=loss, seconds=1.0)

    half = max(FEWEST, len(rows) // 2)
    found, lists = run_phase(tune(method, RowSource(list(rows)), half, seed=seed, points_seed=seed), result)
    assert sum(map(len, lists)) <= half
    return found.score


@pytest.mark.parametrize("length", ["1", "2", "4", "8", "16"])
def test_half_of_the_rows_name_the_published_winner(length: str) -> None:
    methods = published()[length]
    best = min(loss for rows in methods.values() for loss in rows.values())
    for seed in range(20):
        scores = {method: tuned_score(method, rows, seed=seed) for method, rows in methods.items()}
        winner = min(scores, key=lambda method: scores[method])
        assert min(methods[winner].values()) <= best + TIED, (winner, seed)
