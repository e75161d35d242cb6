"""--multirun in one process: folders, what is checked first, going on, failures."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.sweeps.conftest import SWEEP
from tuneformer.inference.loading import Run
from tuneformer.sweeps.manifest import Manifest
from tuneformer.training import start

ROOT = Path(__file__).parents[2]

Command = Callable[..., Any]
Records = Callable[[], dict[str, dict[str, Any]]]


def unchanged() -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in SWEEP.glob("*/*") if file.is_file()}


def test_a_sweep_trains_every_job_in_a_folder_of_its_own(
    small_settings: list[str], tmp_path: Path, records: Records
) -> None:
    command = [sys.executable, str(ROOT / "train.py"), "--multirun", *small_settings, "sweep=mine"]
    swept = ["optimizer=sgd,adam", "seed=0,1"]
    done = subprocess.run(
        [*command, *swept], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-2] == "4 of 4 jobs done: outputs/sweeps/mine"
    names = [f"optimizer={optimizer},seed={seed}" for optimizer in ("adam", "sgd") for seed in (0, 1)]
    assert list(records()) == names
    for name, record in records().items():
        config = yaml.safe_load((SWEEP / name / "config.yaml").read_text())
        optimizer = {"torch.optim.SGD": "sgd", "torch.optim.Adam": "adam"}[config["optimizer"]["_target_"]]
        assert name == f"optimizer={optimizer},seed={config['seed']}"
        assert (config["run_dir"], config["sweep"]) == (str(SWEEP / name), "mine")
        assert (record["status"], record["seed"]) == ("finished", config["seed"])
    assert len({record["metrics"]["final"]["val/loss"] for record in records().values()}) == 4
    assert not Path("outputs/runs").exists()


def test_finished_jobs_are_not_trained_again_and_more_values_extend_the_sweep(
    sweep: Command, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sweep("seed=0").status == 0
    assert list(records()) == ["seed=0"]
    before = unchanged()
    with monkeypatch.context() as without_data:
        without_data.setattr(start, "prepare_data", None)  # nothing asks for it, let alone for torch
        assert sweep("seed=0").status == 0
    assert sweep("seed=0,1").status == 0
    # one value of the optimizer, then two: seed 0 and 1 stay where they are
    assert sweep("optimizer=adamw,sgd", "seed=0,1").status == 0
    assert list(records()) == ["optimizer=sgd,seed=0", "optimizer=sgd,seed=1", "seed=0", "seed=1"]
    assert {file: changed for file, changed in unchanged().items() if file in before} == before


def test_torch_is_not_loaded_where_every_job_has_finished(
    sweep: Command, small_settings: list[str], tmp_path: Path
) -> None:
    assert sweep("seed=0").status == 0
    command = [sys.executable, str(ROOT / "train.py"), "--multirun", *small_settings, "sweep=mine", "seed=0"]
    environment = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
    imported = {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if "import time:" in line}
    assert done.returncode == 0
    assert "1 jobs, 1 done already, 0 to run" in done.stderr
    assert "hydra" in imported
    assert not imported & {"torch", "pytorch_lightning", "wandb"}


def test_a_part_of_the_callbacks_is_dropped_in_every_job(sweep: Command, records: Records) -> None:
    assert sweep("seed=0,1", "~callbacks.progress").status == 0
    for name in records():
        config = yaml.safe_load((SWEEP / name / "config.yaml").read_text())
        assert list(config["callbacks"]) == ["checkpoints"]
    assert list(records()) == ["seed=0", "seed=1"]


def test_every_job_of_a_sweep_can_start_from_one_run(
    sweep: Command, records: Records, small_run: Run
) -> None:
    start_from = f"init_from={small_run.path}"
    assert sweep(start_from, "optimizer.lr=1e-3,1e-4").status == 0
    assert len(records()) == 2
    for record in records().values():
        assert (record["init"]["from"], record["init"]["step"]) == (str(small_run.path), 3)
    before = unchanged()
    assert sweep(start_from, "optimizer.lr=1e-3,1e-4").status == 0
    assert unchanged() == before
    answer = sweep(start_from, "data.tokenizer=bytes,characters", "sweep=other")
    assert answer.status == 2
    assert "was trained with another tokenizer" in answer.err[-1]
    assert not Path("outputs/sweeps/other").exists()


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["seed=0,-1"], "error: seed=-1 must be 0 or more (in the job "),
        (["optimizer=adam,adamx"], "error: optimizer=adamx is not an option (did you mean adam?)"),
        (["optimizer=adam,sgd", "optimizer.amsgrad=true"], "error: optimizer.amsgrad is not a setting"),
        (["optimizer.lr=1e-3,fast"], "error: optimizer.lr=fast must be a number"),
        (["optimizer.lrr=1e-3,2e-3"], "error: optimizer.lrr is not a setting: did you mean optimizer.lr?"),
        (["seed=0,1", "run_dir=here"], "error: run_dir=here cannot be set with --multirun"),
        (["sweep=a,b"], "error: sweep=a,b cannot have several values"),
        (["retry_failed=true,false"], "error: retry_failed=true,false cannot have several values"),
        (["launcher=local,serial"], "error: launcher=local,serial cannot have several values"),
        (["seed=0,1", "optimizer=3"], "error: optimizer=3 is not a choice"),
        (["seed=0,1,0"], "error: seed=0,1,0 gives seed=0 twice: give each value once"),
        (["seed=0", "optimizer.lr=1,1.0"], "error: two jobs are one run: "),
        (["seed=0,1", "preflight=onyl"], "error: preflight=onyl must be one of full, quick, only"),
        (["seed=0,1", "launcher=local", "launcher.n_jobs=0"], "error: launcher.n_jobs=0 must be at least 1"),
        (["optimizer.betas=[0.9,0.95],[0.9,1.0]"], "error: optimizer.betas"),
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


def test_what_only_building_finds_stops_the_sweep_as_well(sweep: Command) -> None:
    answer = sweep("seed=0,1", "param_groups=nanogpt,mup")
    assert answer.status == 2
    assert answer.err[-1].startswith("error: param_groups=mup")
    answer = sweep(
        "optimizer=any", "optimizer._target_=torch.optim.Adam,torch.optim.Adamm", "optimizer.lr=1e-3"
    )
    assert answer.status == 2
    assert answer.err[-1].startswith("error: optimizer._target_=torch.optim.Adamm is no optimizer")
    assert answer.err[-1].endswith("optimizer.lr=0.001)")
    assert not Path("outputs").exists()


def test_preflight_only_builds_and_times_and_trains_nothing(sweep: Command) -> None:
    answer = sweep("seed=0,1", "preflight=only")
    assert answer.status == 0
    assert answer.err[-1].startswith("2 jobs, 0 done already, 2 to run; about ")
    (row,) = [line for line in answer.err if "adamw" in line]
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells[:4] == ["adamw", "decoder, multi_head", "2", "0"]
    assert cells[5] == f"{3 * 4 * 16} tokens"  # steps x batch x context
    assert not Path("outputs").exists()


def test_the_best_setting_of_every_method_runs_on_fresh_seeds_in_the_same_sweep(
    sweep: Command, records: Records
) -> None:
    assert sweep("optimizer=sgd", "seed=1,2").status == 0
    assert sweep("optimizer=adam", "optimizer.lr=0.01", "seed=2,3").status == 0
    assert sweep("seed=2").status == 0
    names = [f"optimizer.lr=0.01,optimizer=adam,seed={seed}" for seed in (2, 3)]
    assert list(records()) == [*names, "optimizer=adamw,seed=2", "seed=1", "seed=2"]
    before = unchanged()
    for line in (
        ["optimizer=sgd", "seed=1,2"],
        ["optimizer=adam", "optimizer.lr=0.01", "seed=2,3"],
        ["seed=2"],
    ):
        assert sweep(*line).status == 0
    assert unchanged() == before


def test_a_folder_that_another_configuration_holds_stops_the_sweep(sweep: Command) -> None:
    assert sweep("seed=1").status == 0
    config = SWEEP / "seed=1" / "config.yaml"
    manifest = SWEEP / "sweep.json"
    config.write_text(
        config.read_text().replace("weight_decay: 0.1", "weight_decay: 0.2")
    )  # an older default
    manifest.write_text(
        manifest.read_text()
        .replace('"config_hash": "', '"config_hash": "0')
        .replace('"identity": "', '"identity": "0')
    )
    answer = sweep("seed=1")
    assert answer.status == 2
    assert answer.err[-1].startswith("error: sweep=mine holds other overrides: its job seed=1")
    assert "optimizer.weight_decay" in answer.err[-1]


def test_a_sweep_in_the_folder_of_a_run_is_refused(
    sweep: Command, command: Command, small_settings: list[str]
) -> None:
    SWEEP.mkdir(parents=True)
    (SWEEP / "record.json").touch()
    for overrides in (["seed=0,1"], ["seed=0,1", "sweep=mine/below"]):
        answer = sweep(*overrides)
        assert answer.status == 2
        assert "is the folder of a run, outputs/sweeps/mine: choose another sweep=<name>" in answer.err[-1]


def test_a_sweep_that_another_process_runs_is_refused_before_anything_is_built(sweep: Command) -> None:
    manifest = Manifest(SWEEP)
    manifest.acquire()
    answer = sweep("seed=0,1")
    assert (answer.status, answer.err) == (2, ["error: sweep=mine is in use: another process runs it"])
    assert sweep("seed=0,1", "preflight=only").status == 0
    manifest.release()


def test_a_failed_job_stays_failed_until_it_is_asked_for_and_the_others_go_on(
    sweep: Command, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tuneformer.training.callbacks.run_metrics import RunMetrics

    def fail(self: RunMetrics, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
        if module.seed == 1:
            raise RuntimeError("planted")

    with monkeypatch.context() as planted:
        planted.setattr(RunMetrics, "on_train_batch_start", fail)
        answer = sweep("seed=0,1,2")
    assert answer.status == 1
    assert "failed: seed=1: RuntimeError: planted" in answer.err
    assert answer.err[-2] == "2 of 3 jobs done: outputs/sweeps/mine"
    assert {name: record["status"] for name, record in records().items()} == {
        "seed=0": "finished",
        "seed=1": "failed",
        "seed=2": "finished",
    }
    again = sweep("seed=0,1,2")
    assert (again.status, records()["seed=1"]["status"]) == (1, "failed")
    assert "failed: seed=1: RuntimeError: planted" in again.err
    retried = sweep("seed=0,1,2", "retry_failed=true")
    assert (retried.status, records()["seed=1"]["status"]) == (0, "finished")


@pytest.mark.proof
def test_a_model_that_no_machine_holds_stops_the_sweep_before_it_trains(sweep: Command) -> None:
    answer = sweep("model.d_model=16,2097152,32")  # matrices of 16 TiB
    assert answer.status == 2
    (refused,) = [line for line in answer.err if "2097152" in line]
    assert "memory" in refused
    assert not list(SWEEP.glob("*/record.json"))


def test_a_damaged_record_and_a_damaged_manifest_are_made_again(sweep: Command, records: Records) -> None:
    assert sweep("seed=1,2").status == 0
    (SWEEP / "seed=1" / "record.json").write_text("{")
    manifest = (SWEEP / "sweep.json").read_text()
    (SWEEP / "sweep.json").write_text(manifest[: len(manifest) // 2])
    answer = sweep("seed=1,2")
    assert answer.status == 0
    assert answer.err[-2] == "2 of 2 jobs done: outputs/sweeps/mine"
    assert any(line.endswith("made again from the 2 jobs whose folders are there") for line in answer.err)
    assert any(line.endswith("it is made again from last.ckpt") for line in answer.err)
    assert (SWEEP / "sweep.json").read_text() == manifest
    assert {record["status"] for record in records().values()} == {"finished"}


def test_divergence_is_a_result(sweep: Command, records: Records) -> None:
    answer = sweep("optimizer=sgd", "optimizer.lr=0.1,1e30", "trainer.gradient_clip_val=null")
    assert answer.status == 0
    assert answer.err[-2] == "2 of 2 jobs done (1 diverged): outputs/sweeps/mine"
    assert sorted(record["status"] for record in records().values()) == ["diverged", "finished"]


def test_a_swept_value_with_a_slash_is_one_folder(sweep: Command, small_text: Path) -> None:
    assert sweep(f"data.path={small_text},{small_text.parent}").status == 0
    names = [file.parent.name for file in SWEEP.glob("*/record.json")]
    assert len(names) == 2
    assert all(name.startswith("data.path=%2F") for name in names)


def test_without_a_name_a_sweep_is_named_by_the_time(command: Command, small_settings: list[str]) -> None:
    answer = command("train.py", "--multirun", *small_settings, "preflight=quick", "seed=0")
    assert answer.status == 0
    (folder,) = Path("outputs/sweeps").iterdir()
    assert folder.name.count("-") == 4
    assert (folder / "seed=0" / "record.json").is_file()
