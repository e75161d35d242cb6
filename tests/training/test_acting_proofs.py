"""What the experiments of acting promise, trained in full."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import tuneformer
from tests.training.conftest import TrainHere

pytest.importorskip("gymnasium", reason="the extra rl is not installed")
pytestmark = [pytest.mark.proof, pytest.mark.timeout(900)]


def final_of(train_here: TrainHere, folder: Path, *overrides: str) -> Mapping[str, Any]:
    """The figures of the test at the end of a run."""
    train_here([*overrides, "logger=none", "trainer.threads=1", "run_dir=run"])
    return tuneformer.load_run(folder / "run").record.final


@pytest.mark.parametrize(
    ("model", "low", "high"), [("decision_transformer", 0.99, 1.0), ("mlp_policy", 0.3, 0.7)]
)
def test_attention_remembers_the_cue_and_a_model_without_memory_guesses(
    model: str, low: float, high: float, train_here: TrainHere, tmp_path: Path
) -> None:
    final = final_of(train_here, tmp_path, "experiment=t_maze", f"model={model}")
    assert low <= final["test/return"] <= high


def test_a_pole_is_balanced(train_here: TrainHere, tmp_path: Path) -> None:
    final = final_of(train_here, tmp_path, "experiment=cartpole")
    assert final["test/return"] >= 450
    rows = (tmp_path / "run" / "returns.csv").read_text(encoding="utf-8").splitlines()[1:]
    achieved = [float(row.split(",")[1]) for row in rows]
    assert achieved[0] < 100  # what acting at random gets was asked for
    assert achieved[0] < achieved[1] < achieved[-1]


def test_two_links_are_swung_up(train_here: TrainHere, tmp_path: Path) -> None:
    final = final_of(train_here, tmp_path, "experiment=acrobot")
    assert final["test/return"] >= -90
