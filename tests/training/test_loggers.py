"""Each dashboard holds what metrics.csv holds."""

import json
import math
import shutil
import signal
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from tests.offline_wandb import history, offline_records, whole_records
from tests.training.conftest import Fault, Train, TrainHere
from tuneformer.errors import UserError
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.metrics_file import read_rows
from tuneformer.training.loggers.metrics_file_logger import MetricsFileLogger
from tuneformer.training.loggers.open_step import OpenStep
from tuneformer.training.loggers.run_loggers import build_loggers
from tuneformer.training.loggers.wandb_logger import wait_for_own_folder


def begun(file: Path) -> str:
    """When the attempt that wrote a .wandb file began, as its folder's name says."""
    return file.parent.name


def as_csv_row(row: dict[str, float]) -> dict[str, float]:
    return {"step" if name == "trainer/step" else name: value for name, value in row.items()}


def test_wandb_offline_files_hold_the_rows_of_metrics_csv_over_a_restart(
    tiny: list[str], train_in_child: Train, tmp_path: Path
) -> None:
    run = [*tiny, "logger=wandb", "logger.wandb.mode=offline", "run_dir=run", "name=trial"]
    run += ["sweep=my-sweep", "tags=[one,two]", "notes='why it was made'"]
    assert train_in_child(run, Fault(step=22, signal=signal.SIGTERM)).status == 143
    ended = train_in_child(run)
    assert ended.status == 0
    assert "Warning" not in ended.output

    folders = (tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb")
    files = sorted(folders, key=lambda file: file.stat().st_mtime)
    assert len(files) == 2
    stopped, finished = ([*offline_records(file)] for file in files)
    assert (max(history(stopped)), min(history(finished))) == (20, 24)
    logged = history([*stopped, *finished])
    rows = read_rows(tmp_path / "run" / "metrics.csv")
    assert [as_csv_row(logged[step]) for step in sorted(logged)] == rows

    about, before = (next(r.run for r in records if r.HasField("run")) for records in (finished, stopped))
    assert about.run_id == before.run_id
    assert (about.display_name, about.run_group, about.notes) == ("trial", "my-sweep", "why it was made")
    assert list(about.tags) == ["one", "two"]
    config = {item.key: json.loads(item.value_json) for item in about.config.update}
    assert config["optimizer"]["betas"] == [0.9, 0.95]
    assert config["trainer"]["max_steps"] == 30
    exits = [r.exit.exit_code for r in (*stopped, *finished) if r.HasField("exit")]
    assert exits == [1, 0]


@pytest.mark.parametrize("had_begun", [True, False])
@pytest.mark.parametrize("logger", ["wandb", "tensorboard"])
def test_a_dashboard_has_each_step_once_whatever_a_killed_attempt_had_logged(
    logger: str, had_begun: bool, tiny: list[str], train_in_child: Train, tmp_path: Path
) -> None:
    run = [*tiny, f"logger={logger}", "run_dir=run"]
    run += ["logger.wandb.mode=offline"] if logger == "wandb" else []
    # row 24 is logged, and the last checkpoint is of step 21
    assert train_in_child(run, Fault(step=27)).status == -signal.SIGKILL
    if not had_begun:  # W&B begins beside the first steps, and a kill may come before it
        shutil.rmtree(tmp_path / "run" / logger, ignore_errors=True)
    assert train_in_child(run).status == 0
    rows = read_rows(tmp_path / "run" / "metrics.csv")
    if logger == "wandb":
        *killed, ended = sorted((tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb"), key=begun)
        logged = [record for file in killed for record in whole_records(file.read_bytes())]
        logged += offline_records(ended)
        steps = [step for record in logged if record.HasField("history") for step in history([record])]
        assert sorted(steps) == [row["step"] for row in rows]
        return
    files = (tmp_path / "run" / "tensorboard").glob("events.*")
    events = [event for file in files for event in EventFileLoader(str(file)).Load()]
    tags = [(value.tag, event.step) for event in events for value in event.summary.value]
    expected = [(name, row["step"]) for row in rows for name in row if name != "step"]
    assert sorted(tag for tag in tags if not tag[0].startswith("_hparams_")) == sorted(expected)


def test_wandb_is_told_that_a_run_failed(tiny: list[str], train_in_child: Train, tmp_path: Path) -> None:
    run = [*tiny, "logger=wandb", "logger.wandb.mode=offline", "run_dir=run"]
    assert train_in_child(run, file_size=40_000).status == 2
    (file,) = (tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb")
    records = [*offline_records(file)]
    assert [r.exit.exit_code for r in records if r.HasField("exit")] == [1]
    summary = {
        item.key: json.loads(item.value_json)
        for r in records
        if r.HasField("summary")
        for item in r.summary.update
    }
    assert summary["status"] == "failed"


def test_tensorboard_events_hold_the_rows_of_metrics_csv(
    tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    train_here([*tiny, "logger=tensorboard", "run_dir=run"])
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    rows = read_rows(tmp_path / "run" / "metrics.csv")
    names = {name for row in rows for name in row} - {"step"}
    assert set(events.Tags()["scalars"]) == names
    for name in names:
        # tensorboard keeps float32, and the seconds of the last step as they were before the test
        found = {event.step: event.value for event in events.Scalars(name)}
        within = 0.5 if name == "seconds" else 1e-6
        assert found == pytest.approx({row["step"]: row[name] for row in rows if name in row}, rel=within)


def test_without_a_dashboard_there_is_no_folder_for_one(
    tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    train_here([*tiny, "run_dir=run"])
    assert sorted(file.name for file in (tmp_path / "run").iterdir()) == [
        "checkpoints",
        "config.yaml",
        "metrics.csv",
        "record.json",
        "tokenizer.json",
    ]


@pytest.mark.parametrize("name", ["wandb", "tensorboard"])
def test_a_missing_dashboard_package_is_one_line_with_the_command_that_installs_it(
    name: str, tiny: list[str], train_here: TrainHere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    for flag in ("_TENSORBOARD_AVAILABLE", "_TENSORBOARDX_AVAILABLE"):
        monkeypatch.setattr(f"lightning_fabric.loggers.tensorboard.{flag}", False)
    with pytest.raises(UserError) as error:
        train_here([*tiny, f"logger={name}", "run_dir=run"])
    assert str(error.value) == f"logger={name} needs a package that is not installed: pip install {name}"
    assert not (tmp_path / "run").exists()


@pytest.mark.fast
def test_metrics_file_logger_counts_steps_done_and_leaves_lightnings_epoch_out(tmp_path: Path) -> None:
    logger = MetricsFileLogger(path=tmp_path / "metrics.csv", first_step=0)
    logger.log_metrics({"train/loss": 2.0, "epoch": 0.0}, step=3)
    logger.log_metrics({"val/loss": math.nan}, step=3)
    logger.finalize("success")
    (row,) = read_rows(tmp_path / "metrics.csv")
    assert math.isnan(row.pop("val/loss"))
    assert row == {"step": 4.0, "train/loss": 2.0}


@pytest.mark.fast
def test_a_board_is_given_each_name_of_a_step_once() -> None:
    given: list[tuple[int, dict[str, float]]] = []
    board = OpenStep(lambda step, values: given.append((step, values)))
    board.add({"loss": 2.0, "epoch": 0.0}, 3)
    board.add({"loss": 1.0, "rate": 0.1}, 3)
    board.log()
    board.add({"loss": 3.0, "norm": 5.0}, 3)
    board.add({"loss": 0.5}, 4)
    assert given == [(4, {"loss": 1.0, "rate": 0.1}), (4, {"norm": 5.0})]
    board.log()
    assert given[2:] == [(5, {"loss": 0.5})]


@pytest.mark.fast
def test_a_logger_of_lightnings_own_is_built_from_its_settings_alone(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "csv": {"_target_": "pytorch_lightning.loggers.CSVLogger", "save_dir": str(tmp_path)}
    }
    loggers = build_loggers(settings, config={}, directory=RunDirectory(tmp_path), first_step=0)
    assert [type(logger).__name__ for logger in loggers] == ["MetricsFileLogger", "CSVLogger"]


@pytest.mark.fast
def test_an_attempt_waits_while_another_has_the_folder_of_this_second(tmp_path: Path) -> None:
    wait_for_own_folder(tmp_path / "none")
    while datetime.now().microsecond > 200_000:
        time.sleep(0.01)
    begun = datetime.now()
    (tmp_path / f"offline-run-{begun:%Y%m%d_%H%M%S}-abc").mkdir()
    wait_for_own_folder(tmp_path)
    assert datetime.now().replace(microsecond=0) > begun.replace(microsecond=0)
