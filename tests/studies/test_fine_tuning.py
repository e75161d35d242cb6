"""The study of fine-tuning: what it asks, and the table that it makes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from studies.fine_tuning import ACCURACY, table
from tests.analysis.compare.trials import trial, trials
from tuneformer.analysis.compare.comparison import compare
from tuneformer.config.options import list_options

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT / "studies" / "conf", ROOT / "conf"]


def test_every_method_is_an_option_with_a_space_of_equal_width() -> None:
    file = FOLDERS[0] / "experiment" / "fine_tuning.yaml"
    asked: Any = OmegaConf.to_container(OmegaConf.load(file))
    search = asked["search"]
    (rows,) = (values for key, values in search["grid"].items() if key.startswith("optimizer,"))
    names = [row[0] for row in rows]
    assert set(names) == set(search["spaces"]) <= {*list_options("optimizer", FOLDERS)}
    assert [row[2] for row in rows] == [8 if name.endswith("_lora") else None for name in names]
    for space in search["spaces"].values():
        rate = space["optimizer"]["lr"]
        assert rate["high"] / rate["low"] == pytest.approx(30)


def test_the_table_has_loss_and_accuracy_of_the_seeds_that_report() -> None:
    runs = [
        trial(name, lr=lr, seed=seed, val=loss + lr + 0.01 * seed, steps=40)
        for name, loss in {"adamw": 1.0, "muon": 0.5}.items()
        for lr in (0.1, 0.2)
        for seed in ((0, 1, 2, 3) if lr == 0.1 else (0,))
    ]
    runs = [replace(run, metrics={**run.metrics, ACCURACY: 0.5 + 0.1 * (run.seed or 0)}) for run in runs]
    made = table(
        compare(
            trials(runs), metric="val/loss", by=["optimizer"], baseline="adamw", target=None, tolerance=0.02
        )
    )
    head, _, first, second = made.splitlines()
    cells = dict(zip(head.split(" | "), first.split(" | "), strict=True))
    assert first.startswith("| muon |")
    assert second.startswith("| adamw |")
    assert cells["best setting"].startswith("lr=0.1")
    assert cells["settings tried"] == "2"
    assert cells["test/accuracy ± 95 %"].startswith("0.700 ± ")  # of seeds 1, 2, 3
    assert cells["minus adamw ± 95 %"].startswith("-0.5000")
    assert " | 0 | " in second
