"""Reading folders of runs: what counts, what is left out and named, and what is refused."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from tests.analysis.compare.planted import bowl, config_of, plant, plant_grid
from tuneformer.analysis.compare.read_runs import read_runs
from tuneformer.analysis.compare.trial import Trials
from tuneformer.errors import UserError
from tuneformer.runs.directory import RunDirectory

pytestmark = pytest.mark.fast


def read(*folders: Path, metric: str = "val/loss") -> Trials:
    return read_runs(folders, metrics=[metric])


def test_a_sweep_several_and_single_runs_are_read_each_run_once(tmp_path: Path) -> None:
    plant_grid(tmp_path / "a", bowl, seeds=[0])
    single = plant(tmp_path / "runs" / "one", val=2.0)
    found = read(tmp_path / "a", single, tmp_path / "runs", tmp_path / "a" / "..")
    assert len(found.trials) == 7
    assert len(read(tmp_path).trials) == 7
    assert found.left_out == ()


def test_a_trial_is_what_the_run_says(tmp_path: Path) -> None:
    config = config_of(optimizer="lion", lr=0.03, seed=4, steps=50)
    memory = {"peak_bytes": 1e6, "peak_is_own": True, "optimizer_state_bytes": 5.0}
    plant(tmp_path / "optimizer=lion,seed=4", val=1.5, test=1.6, config=config, record={"memory": memory})
    (trial,) = read(tmp_path).trials
    assert (trial.seed, trial.horizon, trial.diverged) == (4, 50.0, False)
    assert trial.options == {"optimizer": "lion"}
    assert (trial.value("val/loss"), trial.value("test/loss")) == (1.5, 1.6)
    assert math.isnan(trial.value("val/accuracy"))
    assert trial.settings["optimizer.lr"] == 0.03
    assert (trial.number("steps"), trial.number("train_seconds")) == (50, 10)
    assert trial.number("tokens_per_second") == 320
    assert (trial.number("peak_bytes"), trial.number("optimizer_state_bytes")) == (1e6, 5.0)
    assert trial.curves["step"].tolist() == [*range(5, 51, 5)]
    assert trial.curves["lr"].tolist() == [0.02] * 10  # the highest of the groups
    assert np.isnan(trial.curves["val/loss"]).tolist() == [True, False] * 5
    assert "grad_norm" not in trial.curves


def test_the_options_that_a_record_names_are_those_of_the_run_whatever_its_folder_is_called(
    tmp_path: Path,
) -> None:
    config = config_of(optimizer="torch.optim.SignSGD")
    plant(tmp_path / "optimizer=sgd", val=1.5, config=config, record={"options": {"optimizer": "signum"}})
    assert read(tmp_path).trials[0].options == {"optimizer": "signum"}


def test_peak_memory_counts_only_where_a_process_had_one_run(tmp_path: Path) -> None:
    plant(tmp_path / "run", val=1.5, record={"memory": {"peak_bytes": 1e6, "peak_is_own": False}})
    assert math.isnan(read(tmp_path).trials[0].number("peak_bytes"))


def test_a_run_that_diverged_counts_and_has_no_number(tmp_path: Path) -> None:
    plant(tmp_path / "a", val=math.inf, status="diverged")
    plant(tmp_path / "b", val=2.0)
    first, _ = read(tmp_path).trials
    assert first.diverged
    assert math.isinf(first.value("val/loss"))


def test_a_pruned_trial_counts_in_effort_and_has_no_number(tmp_path: Path) -> None:
    searched = {"search": {"sampler": "random", "trial": 3, "study": "s"}}
    plant(tmp_path / "a", val=1.0, status="pruned", record=searched)
    plant(tmp_path / "b", val=2.0)
    first, second = read(tmp_path).trials
    assert (first.pruned, first.diverged, first.sampler, second.sampler) == (True, False, "random", "grid")
    assert math.isinf(first.value("val/loss"))
    assert first.number("steps") == 100


def test_what_has_not_ended_or_is_damaged_is_left_out_and_named(tmp_path: Path) -> None:
    plant(tmp_path / "good", val=2.0)
    for status in ("failed", "interrupted"):
        plant(tmp_path / status, val=2.0, status=status)
    plant(tmp_path / "killed", val=2.0, status="running")
    training = RunDirectory(plant(tmp_path / "running", val=2.0, status="running"))
    training.acquire()
    plant(tmp_path / "no-json", val=2.0).joinpath("record.json").write_text('{"status": ')
    plant(tmp_path / "no-status", val=2.0).joinpath("record.json").write_text("{}")
    plant(tmp_path / "no-record", val=2.0).joinpath("record.json").unlink()
    plant(tmp_path / "bad-number", val=2.0).joinpath("metrics.csv").write_text("step,val/loss\n1,x\n")
    for name, rows in {"no-step": "nan,2\n", "endless": "inf,2\n", "back": "2,2\n1,2\n"}.items():
        plant(tmp_path / name, val=2.0).joinpath("metrics.csv").write_text(f"step,val/loss\n{rows}")
    plant(tmp_path / "short-row", val=2.0).joinpath("metrics.csv").write_text("step,val/loss\n1\n2,3\n")
    plant(tmp_path / "no-config", val=2.0).joinpath("config.yaml").write_text("a: [")
    plant(tmp_path / "odd-config", val=2.0).joinpath("config.yaml").write_text("a: 1")
    found = read(tmp_path)
    training.release()
    assert [Path(trial.source).name for trial in found.trials] == ["good"]
    reasons = {Path(each.source).name: each.reason for each in found.left_out}
    told = [reasons[status] for status in ("running", "failed", "interrupted", "killed")]
    assert told == ["running", "failed", "interrupted", "interrupted"]
    assert reasons["no-json"].startswith("record.json cannot be read")
    assert reasons["no-status"].startswith("record.json is damaged")
    assert "no record.json" in reasons["no-record"]
    assert reasons["bad-number"].startswith("metrics.csv is damaged")
    assert reasons["short-row"].startswith("metrics.csv is damaged")
    for name in ("no-step", "endless", "back"):
        assert reasons[name] == "metrics.csv is damaged: its steps do not go up from row to row"
    assert reasons["no-config"].startswith("config.yaml cannot be read")
    assert reasons["odd-config"].startswith("config.yaml is damaged")


def test_a_line_that_a_kill_cut_off_is_left_out_and_a_missing_file_has_no_curves(tmp_path: Path) -> None:
    plant(tmp_path / "a", val=2.0).joinpath("metrics.csv").write_text("step,val/loss\n1,2.5\n2,2.")
    plant(tmp_path / "b", val=2.0).joinpath("metrics.csv").unlink()
    first, second = read(tmp_path).trials
    assert first.curves["step"].tolist() == [1.0]
    assert second.curves == {}


def test_numbers_that_json_cannot_hold_are_read_back(tmp_path: Path) -> None:
    record = {"metrics": {"final": {"val/loss": "nan", "test/loss": "inf", "other": 2}, "best": {}}}
    plant(tmp_path / "a", val=2.0, record=record)
    (trial,) = read(tmp_path).trials
    assert math.isnan(trial.value("val/loss"))
    assert math.isinf(trial.value("test/loss"))


def test_where_the_figures_come_from_is_kept(tmp_path: Path) -> None:
    plant(tmp_path / "a", val=2.0)
    plant(tmp_path / "b", val=2.0, record={"git": {"commit": "def", "dirty": True}, "versions": None})
    found = read(tmp_path)
    assert found.provenance["commit"] == ("abc", "def with uncommitted changes")
    assert found.provenance["torch"] == ("2",)
    assert found.commands == ("train.py optimizer=adamw",)


def test_what_every_attempt_at_a_run_was_made_with_counts(tmp_path: Path) -> None:
    file = plant(tmp_path / "a", val=2.0) / "record.json"
    first = {"first_step": 0, "last_step": 1, "seconds": 1.0, "status": "interrupted", "dirty": False}
    first |= {"commit": "old", "versions": {"torch": "1"}, "hardware": {"processor": "slow"}}
    last = {"git": {"commit": "new", "dirty": True}, "versions": {"torch": "2"}, "hardware": None}
    file.write_text(json.dumps(json.loads(file.read_text()) | {"attempts": [first], **last}))
    provenance = read(tmp_path).provenance
    assert provenance["commit"] == ("old", "new with uncommitted changes")
    assert (provenance["torch"], provenance["processor"]) == (("1", "2"), ("slow",))


def test_the_options_are_named_by_the_sweeps_manifest_where_a_folder_does_not(tmp_path: Path) -> None:
    plant(tmp_path / "job-0f3a", val=2.0)
    jobs = {"job-0f3a": {"overrides": ["optimizer=adamw_nanogpt", "optimizer.lr=0.1", "seed=0"]}}
    (tmp_path / "sweep.json").write_text(json.dumps({"jobs": jobs}))
    assert read(tmp_path).trials[0].options == {"optimizer": "adamw_nanogpt"}
    (tmp_path / "sweep.json").write_text("[]")
    assert read(tmp_path).trials[0].options == {}


def test_what_cannot_be_compared_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    plant(tmp_path / "open" / "a", val=2.0, status="running")
    plant(tmp_path / "whole" / "a", val=2.0)
    with pytest.raises(UserError, match="nowhere is not a folder"):
        read(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"empty holds no run: there is no record\.json"):
        read(tmp_path / "empty")
    with pytest.raises(UserError, match=r"open: no run has ended \(1 interrupted\)"):
        read(tmp_path / "open")
    with pytest.raises(UserError, match="--metric=val/los: no run has it: did you mean val/loss"):
        read(tmp_path / "whole", metric="val/los")
    with pytest.raises(UserError, match="there are step, test/loss, val/loss"):
        read(tmp_path / "whole", metric="bleu")
