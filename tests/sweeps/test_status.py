"""The status of a sweep, against folders that were written by hand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tuneformer.errors import UserError
from tuneformer.runs.directory import RunDirectory
from tuneformer.sweeps.manifest import Manifest
from tuneformer.sweeps.status import MAX_STEPS, StatusReader, _read_job
from tuneformer.sweeps.status_table import status_table, summary

pytestmark = pytest.mark.fast

FOLDER = Path("outputs/sweeps/mine")


@pytest.fixture
def write_job() -> Callable[..., Path]:
    def write(
        name: str, status: str | None, *, steps: int = 0, seconds: float = 0.0, error: str | None = None
    ) -> Path:
        folder = FOLDER / name
        folder.mkdir(parents=True)
        file = FOLDER / "sweep.json"
        jobs: dict[str, Any] = json.loads(file.read_text())["jobs"] if file.exists() else {}
        jobs[name] = {"overrides": [name], "config_hash": "", "identity": name, "error": None}
        file.write_text(json.dumps({"jobs": jobs}))
        if status is None:
            return folder
        record = {
            "status": status,
            "config_hash": "",
            "data": {},
            "metrics": {"final": {"val/loss": 2.5}},
            "restarts": 0,
            "started": "",
            "steps": steps,
            "wall_seconds": seconds,
            "error": error,
        }
        (folder / "record.json").write_text(json.dumps(record))
        config = {"trainer": {"max_steps": 100}, "optimized_metric": "val/loss", "sweep": "mine"}
        (folder / "config.yaml").write_text(yaml.dump(config | {"data": {}, "model": {}, "attention": {}}))
        return folder

    return write


def test_each_job_has_the_status_that_its_folder_shows(write_job: Callable[..., Path]) -> None:
    write_job("seed=0", "finished", steps=100, seconds=50.0)
    write_job("seed=1", "diverged", steps=10, seconds=5.0)
    write_job("seed=2", "failed", error="Traceback\n  line\nValueError: planted")
    write_job("seed=3", "running")
    running = write_job("seed=4", "running")
    (running / "metrics.csv").write_text("step,tokens,seconds\n40,640,20.0\n")
    write_job("seed=5", None)
    held = RunDirectory(running)
    held.acquire()
    try:
        status = StatusReader(FOLDER).read()
    finally:
        held.release()
    assert [job.status for job in status.jobs] == [
        "finished",
        "diverged",
        "failed",
        "interrupted",  # nobody trains in it
        "running",
        "left",
    ]
    assert [job.steps for job in status.jobs] == [100, 10, 0, 0, 40, 0]
    # half a second a step; 60 steps of seed 4, 100 of seed 3, and the mean of 100 of seed 5, one at a time
    assert status.seconds_to_go == pytest.approx(0.5 * (60 + 100 + 100))
    assert summary(status) == (
        "6 jobs: 1 running, 1 finished, 1 diverged, 1 failed, 1 interrupted, 1 left; about 2 min 10 s to go"
    )
    assert not status.over


def test_a_sweep_of_ended_jobs_is_over(write_job: Callable[..., Path]) -> None:
    write_job("seed=0", "finished", steps=100, seconds=50.0)
    write_job("seed=1", "failed", error="ValueError: planted")
    status = StatusReader(FOLDER).read()
    assert status.over
    assert summary(status) == "2 jobs: 1 finished, 1 failed"


def test_the_script_prints_the_table_or_one_line(
    write_job: Callable[..., Path], command: Callable[..., Any]
) -> None:
    write_job("seed=0", "failed", error="Traceback\nValueError: [planted]")
    answer = command("scripts/status.py", str(FOLDER))
    assert answer.status == 0
    assert any("seed=0" in line and "ValueError: [planted]" in line for line in answer.out)
    answer = command("scripts/status.py", "outputs")
    assert (answer.status, answer.err) == (
        2,
        ["error: outputs holds no sweep: give a folder such as outputs/sweeps/<sweep>"],
    )


@pytest.mark.parametrize(("content", "fault"), [("{", "cannot be read: "), (None, "is missing")])
def test_a_manifest_that_is_damaged_or_gone_is_told_and_the_folders_tell_the_jobs(
    content: str | None, fault: str, write_job: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    write_job("seed=0", "finished")
    write_job("seed=1", None)  # it left nothing to be known by
    manifest = FOLDER / "sweep.json"
    manifest.unlink() if content is None else manifest.write_text(content)
    reader = StatusReader(FOLDER)
    for _ in range(2):
        assert [(job.name, job.status) for job in reader.read().jobs] == [("seed=0", "finished")]
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert told[0].startswith(f"{manifest} {fault}")
    assert told[0].endswith("made again from the 1 jobs whose folders are there")


def test_runs_that_are_of_no_sweep_are_none(write_job: Callable[..., Path]) -> None:
    config = write_job("one", "finished") / "config.yaml"
    config.write_text(config.read_text().replace("sweep: mine", "sweep: null"))
    (FOLDER / "sweep.json").unlink()
    with pytest.raises(UserError, match="holds no sweep"):
        StatusReader(FOLDER).read()


def test_a_manifest_that_cannot_be_written_is_one_line() -> None:
    (FOLDER / "sweep.json").mkdir(parents=True)
    with pytest.raises(UserError, match=r"sweep\.json cannot be written: Is a directory$"):
        Manifest(FOLDER).write()


def test_a_run_that_was_stopped_says_where_and_by_what(write_job: Callable[..., Path]) -> None:
    folder = write_job("seed=0", "stopped", steps=20)
    record = json.loads((folder / "record.json").read_text())
    record["stop"] = {"step": 20, "horizon": 100, "by": "EarlyStopping", "reason": "", "can_go_on": False}
    (folder / "record.json").write_text(json.dumps(record))
    status = StatusReader(FOLDER).read()
    assert status.over
    assert status.jobs[0].error == "at step 20 of 100, before its horizon, by EarlyStopping"
    assert summary(status) == "1 jobs: 1 stopped"


def test_a_job_that_has_not_changed_is_not_read_again(
    write_job: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def told(folder: Path, entry: Any) -> Any:
        read.append(folder.name)
        return _read_job(folder, entry)

    monkeypatch.setattr("tuneformer.sweeps.status._read_job", told)
    folders = [write_job(name, "finished") for name in ("seed=0", "seed=1")]
    reader = StatusReader(FOLDER)
    before = reader.read()
    assert reader.read() == before
    assert read == ["seed=0", "seed=1"]
    record = folders[1] / "record.json"
    record.write_text(record.read_text().replace("finished", "failed"))
    assert [job.status for job in reader.read().jobs] == ["finished", "failed"]
    assert read == ["seed=0", "seed=1", "seed=1"]


def test_of_many_jobs_those_that_want_attention_are_shown(write_job: Callable[..., Path]) -> None:
    for seed in range(5):
        write_job(f"seed={seed}", "failed" if seed == 3 else "finished")
    table = status_table(StatusReader(FOLDER).read(), at_most=2)
    assert list(table.columns[0].cells) == ["seed=0", "seed=3"]
    assert table.caption == "3 more jobs: --once shows all"


def test_a_file_that_only_looks_like_a_configuration_is_searched_in_one_pass() -> None:
    assert MAX_STEPS.search("trainer:\n" + "  a: 1\n" * 50_000 + "x: 1\n") is None
    assert MAX_STEPS.search("trainer:\n" + "    \n" * 50_000 + "x: 1\n") is None
    found = MAX_STEPS.search("trainer:\n  a:\n    max_steps: 7\n  max_steps: 100\nx: 1\n")
    assert found is not None
    assert found[1] == "100"
