"""Run directories that older versions wrote are read, shown, compared, evaluated and gone on with."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import tuneformer
from tests.old_runs.make import INTERRUPTED_AT, SETTINGS, write_words
from tuneformer.checks.config import checked_config
from tuneformer.runs.metrics_file import read_rows
from tuneformer.runs.record import read_record
from tuneformer.training.start import train

Command = Callable[..., Any]

DEFAULTS_THEN = ["model.initialization=gpt2"]
"""What a decoder had where nothing was said."""

VERSIONS = sorted(folder.name for folder in Path(__file__).parent.glob("version_*"))

pytestmark = pytest.mark.parametrize("version", VERSIONS, indirect=True)


@pytest.fixture
def version(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The runs of one version in the working directory, beside the text that they were trained on."""
    shutil.copytree(Path(__file__).parent / request.param, tmp_path, dirs_exist_ok=True)
    write_words(tmp_path / "words.txt")
    return request.param


@pytest.mark.fast
@pytest.mark.usefixtures("version")
def test_a_finished_run_is_loaded(command: Command) -> None:
    run = tuneformer.load_run("finished")
    assert (run.step, run.record.status, run.task) == (12, "finished", "language_modelling")
    assert (run.config["optimizer"]["lr"], run.config["scheduler"]["floor"]) == (0.1, 0.1)
    assert run.tokenizer.decode(run.tokenizer.encode("a bee saw")) == "a bee saw"
    assert list(run.metrics["train/loss"]) == [2, 4, 6, 8, 10, 12]
    assert run.metrics["val/loss"][12] == pytest.approx(run.record.final["val/loss"])
    answer = command("scripts/generate.py", "finished", "--prompt", "a bee", "--tokens", "4")
    assert (answer.status, answer.out[-1][:5]) == (0, "a bee")


@pytest.mark.fast
@pytest.mark.usefixtures("version")
def test_its_weights_have_the_loss_that_was_recorded(command: Command) -> None:
    recorded = read_record(Path("finished/record.json")).final["val/loss"]
    answer = command("scripts/evaluate.py", "finished", "--split", "validation")
    assert answer.status == 0
    shown = next(line.split()[1] for line in answer.out if line.startswith("validation/loss"))
    assert float(shown) == pytest.approx(recorded, abs=2e-6)


@pytest.mark.fast
@pytest.mark.usefixtures("version")
def test_a_sweep_is_shown(command: Command) -> None:
    answer = command("scripts/status.py", "rates")
    assert answer.status == 0
    shown = {row.split()[1]: row for row in answer.out if "optimizer.lr=" in row}
    assert list(shown) == ["optimizer.lr=0.001", "optimizer.lr=0.004", "optimizer.lr=1e+30"]
    assert "diverged" in shown["optimizer.lr=1e+30"]
    assert "train/loss is not finite at step 4" in shown["optimizer.lr=1e+30"]


@pytest.mark.fast
@pytest.mark.usefixtures("version")
def test_a_sweep_is_compared(command: Command) -> None:
    assert command("scripts/compare.py", "rates", "--by=optimizer.lr").status == 0
    with Path("rates/comparison.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["method"] for row in rows][:2] == ["lr=0.004", "lr=0.001"]


@pytest.mark.usefixtures("version")
def test_an_interrupted_run_goes_on_to_what_a_whole_one_ends_with() -> None:
    assert read_record(Path("interrupted/record.json")).steps == INTERRUPTED_AT + 1
    train(checked_config(["run_dir=interrupted"]))
    train(checked_config([*SETTINGS, *DEFAULTS_THEN, "optimizer=adamw", "run_dir=whole"]))
    gone_on, whole = tuneformer.load_run("interrupted"), tuneformer.load_run("whole")
    assert (gone_on.record.status, gone_on.record.restarts) == ("finished", 1)
    for ours, theirs in zip(gone_on.model.parameters(), whole.model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)
    assert [row["step"] for row in read_rows(Path("interrupted/metrics.csv"))] == [2, 4, 6, 8, 10, 12]


@pytest.mark.fast
@pytest.mark.usefixtures("version")
def test_a_run_that_has_ended_is_not_trained_again(capsys: pytest.CaptureFixture[str]) -> None:
    recorded = read_record(Path("finished/record.json")).final["val/loss"]
    assert train(checked_config(["run_dir=finished"])) == recorded
    assert "finished has finished already" in capsys.readouterr().err
