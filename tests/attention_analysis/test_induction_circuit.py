"""The two heads of an induction circuit are found in a run that learned it, and in none that could not."""

import csv
import itertools
from pathlib import Path

import pytest

import tuneformer
from tuneformer.attention_analysis.analysis import AttentionAnalysis, analyse
from tuneformer.report.attention_page.files import write_analysis

pytestmark = pytest.mark.proof

SETTINGS = [
    "experiment=induction",
    "callbacks=default",
    "logger=none",
    "model.n_heads=1",
    "trainer.max_steps=350",
    "trainer.val_check_interval=25",
    "trainer.threads=1",
]


def trained(folder: Path, *changes: str) -> AttentionAnalysis:
    run = tuneformer.train([*SETTINGS, *changes, f"run_dir={folder}"])
    return analyse(run.path, checkpoint="last", text=None, examples=64)


def largest_rise(points: list[tuple[float, float]]) -> tuple[float, float]:
    """The steps between which a curve rises most."""
    before, after = max(itertools.pairwise(points), key=lambda pair: pair[1][1] - pair[0][1])
    return before[0], after[0]


def test_two_layers_learn_the_circuit_and_each_head_is_needed(tmp_path: Path) -> None:
    analysis = trained(tmp_path / "two")
    first, second = ("decoder", 0), ("decoder", 1)
    scores = analysis.scores.scores
    previous, matching = scores["previous_token"], scores["prefix_matching_random"]
    assert previous.values[first][0] > 3 * previous.null[first][0]
    assert previous.values[first][0] > 5 * previous.values[second][0]
    assert matching.values[second][0] > 0.5
    assert matching.values[first][0] < matching.null[first][0]
    text = "\n".join(analysis.findings)
    assert "decoder.0.0 attends most to the token before" in text
    assert "decoder.1.0 attends most to what followed this token before" in text
    # both rise where the loss falls most
    falling = [(step, -loss) for step, loss in analysis.curves.losses["val/loss"]]
    start, end = largest_rise(falling)
    for measure, site in (("previous_token", first), ("prefix_matching", second)):
        rises = largest_rise([*analysis.curves.heads[measure][site][0]])
        assert start - 50 <= rises[0] <= end + 50, (measure, rises, (start, end))
    # without either nothing is left of it: log 32 is a uniform guess
    assert analysis.scores.loss is not None
    assert analysis.scores.loss < 0.05
    for site in (first, second):
        without = analysis.scores.loss_without(site, 0)
        assert without is not None
        assert without > 2
    file = write_analysis(tmp_path, [analysis], command="analyze")[2]
    with file.open(newline="", encoding="utf-8") as opened:
        last = [row for row in csv.DictReader(opened) if int(row["step"]) == 350]
    assert max(last, key=lambda row: float(row["previous_token"]))["layer"] == "0"
    assert max(last, key=lambda row: float(row["prefix_matching_random"]))["layer"] == "1"


def test_one_layer_shows_neither_head(tmp_path: Path) -> None:
    analysis = trained(tmp_path / "one", "model.n_layers=1")
    scores = analysis.scores.scores
    assert scores["prefix_matching_random"].values["decoder", 0][0] < 0.2
    assert (
        scores["previous_token"].values["decoder", 0][0] < 2 * scores["previous_token"].null["decoder", 0][0]
    )
    assert "no head attends to the token before much more than by chance" in "\n".join(analysis.findings)
