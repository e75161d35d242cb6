"""A larger model from a ladder's runs: what was planted is found, and what cannot be told is said."""

import json
import math
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.analysis.laws.simulated_ladder import GIVEN, WIDTHS, best_rate, truth, write_ladder
from tuneformer.checks.config import checked_config

Command = Callable[..., Any]
ADAMW, MUON = "optimizer=adamw", "optimizer=muon"
TO = "parameters=8.4e5 tokens=1.68e7"


@pytest.fixture(scope="module")
def ladder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two methods, the second 2 % better everywhere."""
    folder = tmp_path_factory.mktemp("ladders") / "mine"
    folder.mkdir()
    write_ladder(folder, {ADAMW: 1.0, MUON: 0.98})
    return folder


def test_what_was_planted_is_predicted_with_the_better_method(ladder: Path, command: Command) -> None:
    said = command("scripts/predict.py", str(ladder), "--to", TO, "--json")
    assert said.status == 0, said.err
    found = json.loads(said.out[0])
    for method, worse in ((ADAMW, 1.0), (MUON, 0.98)):
        of = found["methods"][method]
        expected = truth(8.4e5, 1.68e7, worse)
        assert of["loss"]["low"] < expected < of["loss"]["high"]
        assert abs(of["loss"]["value"] - expected) < 0.05
        rate = of["learning_rate"]
        assert rate["low"] < best_rate(8.4e5) < rate["high"]
        assert 0.02 * math.log(rate["value"] / best_rate(8.4e5)) ** 2 < 0.01  # what it costs
        assert "weight_decay" not in of
        assert of["cost"]["seconds"]["value"] == pytest.approx(1.68e7 * 8.4e5 / 1e9, rel=0.01)
        assert len(of["left_out"]) == 9
        assert sum(point["inside"] for point in of["left_out"]) >= 7
        assert any("the text was read up to 6 times" in note for note in of["notes"])
    (ratio,) = found["ratios"]
    assert ratio["ratio"]["low"] < 1 / 0.98 < ratio["ratio"]["high"]
    assert ratio["chance_that_first_is_lower"] < 0.05
    assert not ratio["exponents"]["parameters"]["told_from_zero"]


def test_further_beyond_the_ladder_is_said_and_wider(ladder: Path, command: Command) -> None:
    widths = []
    for times in (2, 10, 100):
        size = times * max(WIDTHS.values())
        line = ["--to", f"parameters={size} tokens={20 * size}", "--json"]
        found = json.loads(command("scripts/predict.py", str(ladder), *line).out[0])["methods"][ADAMW]
        widths.append(found["loss"]["high"] - found["loss"]["low"])
        further = [note for note in found["notes"] if "further beyond the sweeps than they span" in note]
        assert bool(further) == (times == 100)
    assert widths == sorted(widths)
    assert widths[-1] > 1.5 * widths[0]


def test_people_read_who_wins_and_what_to_type(ladder: Path, command: Command) -> None:
    to = "model.d_model=64 trainer.max_steps=chinchilla*1"
    said = command("scripts/predict.py", str(ladder), "--to", to)
    assert said.status == 0, said.err
    text = "\n".join(said.out)
    assert f"{MUON} has the lower loss with a chance of 9" in text
    assert "cannot be told from one that does not change with parameters" in text
    assert text.count("  left out: model.d_model=") == 18
    (line, _) = [each.strip() for each in said.out if each.startswith("  python train.py ")]
    config = checked_config(shlex.split(line)[2:])
    parameters = 4 * 64**2 + 3 * 64 * 176 + 3 * 64
    assert config["trainer"]["max_steps"] == round(20 * parameters / 64)
    assert config["model"]["d_model"] == 64
    assert math.isclose(config["optimizer"]["lr"], best_rate(parameters), rel_tol=0.5)


def test_a_method_that_diverges_at_one_size_is_refused_alone(tmp_path: Path, command: Command) -> None:
    write_ladder(tmp_path, {ADAMW: 1.0, MUON: 1.0}, lost=(MUON, 128))
    said = command("scripts/predict.py", str(tmp_path), "--to", TO)
    assert said.status == 0, said.err
    assert (
        "optimizer=muon: no run came to its end at model.d_model=128: two sizes do not tell the loss at"
        " parameters=840000, 16.2 times the larger: sweep a third"
    ) in said.out
    assert any(line.startswith("optimizer=adamw: at parameters=840000") for line in said.out)


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("parameters=1e6", "parameters=1e6': tokens= must be <name>=<positive number>"),
        ("model.d_model=64", "must say model.d_model=... trainer.max_steps=..., or"),
        ("trainer.max_steps=64", "must say model.d_model=... trainer.max_steps=..., or"),
        ("model.d_model=64 trainer.max_steps=chinchilla*x", "trainer.max_steps=x must be <name>=<positive"),
        ("model.d_model=64 trainer.max_steps=0.5", "trainer.max_steps=0.5 must be a number of steps"),
        ("model.d_modell=64 model.d_model=8 trainer.max_steps=3", "did you mean"),
    ],
)
def test_what_is_no_model_is_one_line(ladder: Path, command: Command, to: str, message: str) -> None:
    said = command("scripts/predict.py", str(ladder), "--to", to)
    assert (said.status, len(said.err)) == (2, 1)
    assert message in said.err[0]


def test_the_page_has_the_law_the_points_and_what_to_type(
    ladder: Path, command: Command, tmp_path: Path
) -> None:
    page = tmp_path / "prediction.html"
    to = "model.d_model=64 trainer.max_steps=chinchilla*1"
    said = command("scripts/predict.py", str(ladder), "--to", to, "--page", str(page))
    assert said.status == 0, said.err
    text = page.read_text(encoding="utf-8")
    assert "Each size predicted from the others" in text
    assert "to train it: python train.py data.context_length=16" in text
    found = re.search(r'id="data-law">(.*?)</script>', text)
    assert found is not None
    columns = json.loads(found[1])["columns"]
    assert columns["what"].count("measured") == 18
    assert columns["what"].count("law") == 60


@pytest.mark.fast
def test_a_folder_that_is_no_ladder_is_one_line(tmp_path: Path, command: Command) -> None:
    for line, message in (
        ([str(tmp_path)], "holds no ladder.json: give the folder of a `tuneformer ladder`, or --table"),
        ([], "give the folder of a ladder, or --table with a CSV of runs"),
        ([str(tmp_path), "--table", "x.csv"], "give the folder of a ladder, or --table"),
        ([str(tmp_path), "--loss", "x"], "--leave-out and --loss are for --table"),
    ):
        said = command("scripts/predict.py", *line, "--to", TO)
        assert (said.status, len(said.err)) == (2, 1)
        assert message in said.err[0]
    (tmp_path / "ladder.json").write_text('{"format": 1, "entries": [{}]}', encoding="utf-8")
    said = command("scripts/predict.py", str(tmp_path), "--to", TO)
    assert "ladder.json is damaged" in said.err[0]


def test_a_named_size_takes_the_place_of_all_whole_numbers_of_the_model(
    ladder: Path, command: Command
) -> None:
    to = "model.size=small trainer.max_steps=1000"
    said = command("scripts/predict.py", str(ladder), "--to", to, "--json")
    assert said.status == 0, said.err
    line = shlex.split(json.loads(said.out[0])["methods"][ADAMW]["command"])
    assert "model.size=small" in line
    assert not {"model.n_layers=1", "model.n_heads=2"}.intersection(line)
    assert set(GIVEN[:2]) <= set(line)
