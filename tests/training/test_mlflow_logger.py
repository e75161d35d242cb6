"""MLflow holds what metrics.csv holds, alone and beside other loggers, and no configuration says where."""

import csv
import importlib
import math
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from tests.offline_wandb import history, offline_records
from tests.training.conftest import Fault, Train, TrainHere
from tuneformer.checks.config import checked_config
from tuneformer.config.lightning_names import MLFLOW
from tuneformer.config.setting import not_given
from tuneformer.errors import UserError
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.metrics_file import read_rows
from tuneformer.training.loggers.mlflow_logger import MLFlowRunLogger
from tuneformer.training.loggers.mlflow_store import DATABASE, END_OF_SUPER_JOURNAL, MlflowStore
from tuneformer.training.loggers.settings import MLFlowRunLoggerSettings

STAND_IN = Path(__file__).parent / "stand_in"
CONFIG: dict[str, Any] = {"name": "trial", "sweep": None, "notes": "", "tags": ["one", "two"], "seed": 1}
Rows = dict[int, dict[str, float]]


@pytest.fixture(autouse=True)
def no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is imported as mlflow, here and in the children of the test, keeps what it is told in JSON."""
    for name in _loaded():
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(STAND_IN)
    importlib.import_module("mlflow")
    yield
    for name in _loaded():
        del sys.modules[name]


@pytest.fixture(params=["stand_in", "mlflow"])
def either(request: pytest.FixtureRequest) -> None:
    """MLflow, where it is installed, and what stands in for it."""
    if request.param == "stand_in":
        request.getfixturevalue("stand_in")
    else:
        pytest.importorskip("mlflow", reason="the extra mlflow is not installed")


def _loaded() -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] == "mlflow"]


def runs_in(store: MlflowStore) -> list[Any]:
    client = store.client()
    experiment = client.get_experiment_by_name("tuneformer")
    return list(client.search_runs([experiment.experiment_id]))


def rows_of(store: MlflowStore, run: Any) -> Rows:
    """What MLflow has of a run by step; each name once in a step."""
    client, rows = store.client(), Rows()
    for name in run.data.metrics:
        for metric in client.get_metric_history(run.info.run_id, name):
            assert name not in rows.setdefault(metric.step, {})
            rows[metric.step][name] = metric.value
    return rows


def rows_of_csv(files: list[Path]) -> Rows:
    """The same of Lightning's CSV files."""
    rows = Rows()
    for file in files:
        for line in csv.DictReader(file.read_text().splitlines()):
            row = {name: float(value) for name, value in line.items() if value and name != "step"}
            there = rows.setdefault(int(line["step"]), {})
            assert not there.keys() & row.keys()
            there |= row
    return rows


def rows_of_metrics(run: Path) -> Rows:
    rows = read_rows(run / "metrics.csv")
    return {int(row["step"]): {name: row[name] for name in row if name != "step"} for row in rows}


def assert_same_rows(found: Rows, expected: Rows, *, clock: bool = True) -> None:
    """Equal; the seconds of the last row may be those before the test.

    Without `clock` what it measured may be that of another attempt.
    """
    assert found.keys() == expected.keys()
    for step in expected:
        assert found[step].keys() == expected[step].keys()
        for name, value in expected[step].items():
            measured = name == "seconds" or name.startswith("throughput/")
            if clock or not measured:
                within = 1.0 if name == "seconds" else 0.0
                assert found[step][name] == pytest.approx(value, abs=within, rel=0)


@pytest.mark.usefixtures("either")
def test_several_loggers_have_each_step_of_metrics_csv_once_over_a_restart(
    tiny: list[str], train_in_child: Train, tmp_path: Path
) -> None:
    (tmp_path / "conf/logger").mkdir(parents=True)
    (tmp_path / "conf/logger/all.yaml").write_text(
        "defaults: [wandb, tensorboard, _self_]\n"
        "mlflow: {_target_: pytorch_lightning.loggers.MLFlowLogger}\n"
        "csv: {_target_: pytorch_lightning.loggers.CSVLogger, save_dir: run/csv}\n"
    )
    tiny = [override for override in tiny if not override.startswith("logger=")]
    arguments = ["--config-dir=conf", *tiny, "logger=all", "logger.wandb.mode=offline", "run_dir=run"]
    assert train_in_child(arguments, Fault(step=22, signal=signal.SIGTERM)).status == 143
    run, store = tmp_path / "run", MlflowStore(tmp_path / "run")
    (before,) = runs_in(store)
    assert (before.info.status, before.data.tags["tuneformer.status"]) == ("KILLED", "interrupted")
    ended = train_in_child(arguments)
    assert ended.status == 0
    assert "Warning" not in ended.output

    expected = rows_of_metrics(run)
    (after,) = runs_in(store)
    assert after.info.run_id == before.info.run_id
    assert (after.info.status, after.data.tags["tuneformer.status"]) == ("FINISHED", "finished")
    assert after.data.params["optimizer.betas"] == "[0.9,0.95]"
    assert after.data.params["trainer.max_steps"] == "30"
    assert_same_rows(rows_of(store, after), expected)
    assert_same_rows(rows_of_csv(sorted((run / "csv").glob("**/metrics.csv"))), expected)

    records = [offline_records(file) for file in (run / "wandb").glob("offline-run-*/*.wandb")]
    steps = [step for each in records for step in history(each)]
    assert sorted(steps) == sorted(expected)
    events = [
        each for file in (run / "tensorboard").glob("events.*") for each in EventFileLoader(str(file)).Load()
    ]
    tags = [(value.tag, event.step) for event in events for value in event.summary.value]
    shown = sorted(tag for tag in tags if not tag[0].startswith("_hparams_"))
    assert shown == sorted((name, step) for step, row in expected.items() for name in row)


@pytest.mark.usefixtures("either")
def test_mlflow_has_each_step_once_whatever_a_killed_attempt_had_logged(
    tiny: list[str], train_in_child: Train, tmp_path: Path
) -> None:
    run = [*tiny, "logger=mlflow", "run_dir=run"]
    # row 24 is logged and the last checkpoint is of step 21; then row 28, of a checkpoint, is not logged
    assert train_in_child(run, Fault(step=28, where="saving")).status == -signal.SIGKILL
    assert train_in_child(run, Fault(step=29)).status == -signal.SIGKILL
    assert train_in_child(run).status == 0
    store = MlflowStore(tmp_path / "run")
    (found,) = runs_in(store)
    assert_same_rows(rows_of(store, found), rows_of_metrics(tmp_path / "run"), clock=False)


@pytest.mark.usefixtures("stand_in")
def test_a_run_leaves_no_address_to_the_next_one_of_its_process(
    tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        train_here([*tiny, "logger=mlflow", f"run_dir={name}", "trainer.max_steps=10"])
        assert "MLFLOW_TRACKING_URI" not in os.environ
        assert len(runs_in(MlflowStore(tmp_path / name))) == 1
    assert sorted(each.name for each in tmp_path.iterdir()) == ["one", "two"]


def logger_in(folder: Path, config: dict[str, Any] = CONFIG) -> MLFlowRunLogger:
    folder.mkdir(exist_ok=True)
    return MLFlowRunLogger(
        experiment_name=None, directory=RunDirectory(folder), run_config=config, first_step=0
    )


@pytest.mark.usefixtures("either")
def test_long_values_many_settings_and_values_that_are_no_numbers_are_logged(tmp_path: Path) -> None:
    many = {f"setting{number}": number for number in range(250)}
    logger = logger_in(tmp_path / "run", {**CONFIG, "data": many, "text": "x" * 9000, "odd*name": None})
    logger.log_metrics({"train/loss": math.nan, "epoch": 0.0}, step=3)
    logger.close("diverged", {"steps": 4})
    store = MlflowStore(tmp_path / "run")
    (run,) = runs_in(store)
    assert (len(run.data.params), len(run.data.params["text"])) == (len(CONFIG) + 252, 500)
    assert run.data.params["odd_name"] == "null"
    assert (run.data.tags["tags"], run.data.tags["tuneformer.steps"]) == ("one, two", "4")
    rows = rows_of(store, run)
    assert rows.keys() == {4}
    assert rows[4].keys() == {"train/loss"}
    assert math.isnan(rows[4]["train/loss"])


@pytest.mark.fast
@pytest.mark.usefixtures("stand_in")
def test_a_server_is_named_by_the_environment_and_a_run_of_another_directory_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", str(tmp_path / "server"))
    first = logger_in(tmp_path / "mine").version
    assert logger_in(tmp_path / "mine").version == first
    (tmp_path / "strangers/mlflow").mkdir(parents=True)
    (tmp_path / "strangers/mlflow/run_id.txt").write_text(f"{first}\n")
    assert logger_in(tmp_path / "strangers").version != first
    assert not list(tmp_path.glob(f"*/mlflow/{DATABASE}"))


@pytest.mark.fast
@pytest.mark.usefixtures("stand_in")
def test_a_server_that_breaks_ends_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = logger_in(tmp_path / "run")
    monkeypatch.setattr(logger._client, "log_batch", None)
    for step in range(3):
        logger.log_metrics({"train/loss": 1.0}, step=step)
    logger.close("finished", {})
    told = capsys.readouterr()
    assert (told.out + told.err).count("MLflow has stopped: ") == 1


@pytest.mark.fast
@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("fault", ["pipe", "journal", "text"])
def test_a_database_that_would_hang_or_delete_another_file_is_not_opened(fault: str, tmp_path: Path) -> None:
    folder = tmp_path / "run/mlflow"
    folder.mkdir(parents=True)
    if fault == "pipe":
        os.mkfifo(folder / DATABASE)
    elif fault == "journal":
        (folder / f"{DATABASE}-journal").write_bytes(b"/home/me/file" + END_OF_SUPER_JOURNAL)
    else:
        (folder / DATABASE).write_text("no database")
    with pytest.raises(UserError, match=r"^[^\n]*mlflow\.db[^\n]*$"):
        logger_in(tmp_path / "run")


@pytest.mark.fast
def test_a_link_in_its_folder_that_leads_out_of_the_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run/mlflow").mkdir(parents=True)
    (tmp_path / "run/mlflow" / DATABASE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="is a link that leads out of"):
        RunDirectory(tmp_path / "run").acquire()


@pytest.mark.fast
@pytest.mark.parametrize("target", MLFLOW)
@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        *[
            (name, "http://elsewhere", f"cannot be given: {why}")
            for name, why in not_given(MLFlowRunLoggerSettings).items()
        ],
        ("experiment_name", r'"a\ab"', "holds the control character"),
        ("experiment_name", "''", "must have 1 to 250 characters"),
        ("experiment_name", "3", "must be text or null"),
        ("registry", "x", "is not a setting of logger=mine"),
    ],
)
def test_a_configuration_says_nothing_but_the_experiment(
    target: str, setting: str, value: str, expected: str, tmp_path: Path
) -> None:
    (tmp_path / "logger").mkdir()
    (tmp_path / "logger/mine.yaml").write_text(f"x:\n  _target_: {target}\n  {setting}: {value}\n")
    with pytest.raises(UserError) as error:
        checked_config(["experiment=smoke", "logger=mine"], tmp_path)
    assert str(error.value).startswith(f"logger.x.{setting}")
    assert expected in str(error.value)


@pytest.mark.fast
def test_without_mlflow_one_line_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuneformer.training.loggers.mlflow_store.find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"is not installed: pip install 'tuneformer\[mlflow\]'$"):
        logger_in(tmp_path)
