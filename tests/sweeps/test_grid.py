import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SWEPT = ["optimizer=sgd,adam", "seed=0,1", "sweep=mine"]
JOBS = [f"optimizer={optimizer},seed={seed}" for optimizer in ("adam", "sgd") for seed in (0, 1)]
SWEEP = Path("outputs/sweeps/mine")

Command = Callable[..., Any]


@pytest.fixture
def sweep(command: Command, small_settings: list[str]) -> Command:
    """sweep("seed=0,1"): the small run with --multirun."""
    return lambda *overrides: command("train.py", "--multirun", *small_settings, *overrides)


def records() -> dict[str, dict[str, Any]]:
    return {file.parent.name: json.loads(file.read_text()) for file in sorted(SWEEP.glob("*/record.json"))}


def test_a_sweep_trains_every_job_in_a_folder_of_its_own(small_settings: list[str], tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "train.py"), "--multirun", *small_settings, *SWEPT]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "4 of 4 jobs done: outputs/sweeps/mine"
    assert sorted(folder.name for folder in SWEEP.iterdir()) == JOBS
    for name, record in records().items():
        config = yaml.safe_load((SWEEP / name / "config.yaml").read_text())
        optimizer = {"torch.optim.SGD": "sgd", "torch.optim.Adam": "adam"}[config["optimizer"]["_target_"]]
        assert name == f"optimizer={optimizer},seed={config['seed']}"
        assert config["run_dir"] == str(SWEEP / name)
        assert config["sweep"] == "mine"
        assert record["status"] == "finished"
        assert record["seed"] == config["seed"]
    losses = {record["metrics"]["final"]["val/loss"] for record in records().values()}
    assert len(losses) == 4
    assert not Path("outputs/runs").exists()


def test_a_sweep_started_again_returns_and_more_values_extend_it(sweep: Command) -> None:
    assert sweep("seed=0,1", "sweep=mine").status == 0
    before = {file: file.stat().st_mtime_ns for file in SWEEP.rglob("*") if file.is_file()}
    again = sweep("seed=0,1", "sweep=mine")
    assert again.status == 0
    assert [line for line in again.err if "finished already" in line] == [
        f"outputs/sweeps/mine/seed={seed} has finished already" for seed in (0, 1)
    ]
    assert {file: file.stat().st_mtime_ns for file in SWEEP.rglob("*") if file.is_file()} == before
    assert sweep("seed=1,2", "sweep=mine").status == 0
    assert list(records()) == ["seed=0", "seed=1", "seed=2"]
    assert all(file.stat().st_mtime_ns == changed for file, changed in before.items())


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["seed=0,-1"], "error: seed=-1 must be 0 or more (in the job "),
        (["optimizer=adam,adamx"], "error: optimizer=adamx is not an option (did you mean adam?)"),
        (["optimizer=adam,sgd", "optimizer.amsgrad=true"], "error: optimizer.amsgrad is not a setting"),
        (["optimizer.lr=1e-3,fast"], "error: optimizer.lr=fast must be a number"),
        (["seed=0,1", "run_dir=here"], "error: run_dir=here cannot be set with --multirun"),
        (["sweep=a,b"], "error: sweep=a,b cannot have several values"),
        (["seed=0,1", "optimizer=3"], "error: optimizer=3 is not a choice"),
    ],
)
def test_a_point_that_cannot_be_trained_stops_the_sweep_before_its_first_job(
    sweep: Command, overrides: list[str], expected: str
) -> None:
    answer = sweep(*overrides)
    assert answer.status == 2
    assert len(answer.err) == 1
    assert answer.err[0].startswith(expected)
    assert not Path("outputs").exists()
    assert not Path("here").exists()


def test_a_job_that_fails_does_not_stop_the_others(sweep: Command) -> None:
    assert sweep("seed=1,2", "sweep=mine").status == 0
    damaged = SWEEP / "seed=1" / "record.json"
    damaged.write_text("{")
    answer = sweep("seed=0,1,2", "sweep=mine")
    assert answer.status == 1
    assert answer.err[-1] == "2 of 3 jobs done: outputs/sweeps/mine"
    (failed,) = [line for line in answer.err if line.startswith("failed: ")]
    assert "seed=1" in failed
    assert f"{damaged} cannot be read" in failed
    damaged.unlink()
    assert {name: record["status"] for name, record in records().items()} == {
        "seed=0": "finished",
        "seed=2": "finished",
    }


def test_a_folder_that_another_configuration_holds_fails_its_job_alone(sweep: Command) -> None:
    assert sweep("seed=1,2", "sweep=mine", "optimizer=sgd").status == 0
    answer = sweep("seed=0,1", "sweep=mine", "optimizer=adam")
    assert answer.status == 1
    (failed,) = [line for line in answer.err if line.startswith("failed: ")]
    assert "holds a run with another configuration: optimizer." in failed
    assert records()["seed=0"]["status"] == "finished"


def test_a_swept_value_with_a_slash_is_one_folder(sweep: Command, small_text: Path) -> None:
    assert sweep(f"data.path={small_text},{small_text.parent}", "sweep=mine").status == 0
    names = [folder.name for folder in SWEEP.iterdir()]
    assert len(names) == 2
    assert all(name.startswith("data.path=%2F") for name in names)


def test_without_a_name_a_sweep_is_named_by_the_time(sweep: Command) -> None:
    assert sweep("seed=0").status == 0
    (folder,) = Path("outputs/sweeps").iterdir()
    assert folder.name.count("-") == 4
    assert (folder / "job" / "record.json").is_file() or (folder / "seed=0" / "record.json").is_file()
