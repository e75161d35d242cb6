"""Uploading offline runs: each once, resumed, by the real client to a server that keeps what arrives."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tuneformer
from tests.analysis.compare.planted import plant
from tests.wandb_server import StandIn
from tuneformer.errors import UserError
from tuneformer.report.wandb_sync import find_offline_runs
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.metrics_file import read_rows

ROOT = Path(__file__).parents[2]
Command = Callable[..., Any]


def logged(rows: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows that arrived, as metrics.csv has them: those of one step together."""
    merged: dict[float, dict[str, Any]] = {}
    for number in sorted(rows):
        row = {name: value for name, value in rows[number].items() if not name.startswith("_")}
        row = {name: value for name, value in row.items() if not isinstance(value, dict)}
        row["step"] = row.pop("trainer/step")
        merged.setdefault(row["step"], {}).update(row)
    return [merged[step] for step in sorted(merged)]


def test_offline_runs_are_uploaded_once_and_what_arrives_is_metrics_csv(
    small_settings: list[str], command: Command, server: StandIn, tmp_path: Path
) -> None:
    settings = [*small_settings, "logger=wandb", "logger.wandb.mode=offline"]
    tuneformer.train([*settings, "run_dir=sweep/a"])
    plant(tmp_path / "sweep" / "open", val=2.0, status="running")
    (tmp_path / "sweep/open/wandb/offline-run-1").mkdir(parents=True)
    (tmp_path / "sweep/open/wandb/offline-run-1/run-1.wandb").write_bytes(b"")

    training = RunDirectory(tmp_path / "sweep/open")
    training.acquire()
    answer = command("scripts/sync.py", "sweep")
    assert (answer.status, answer.err) == (0, [])
    assert answer.out == [
        "1 of 1, sweep/a: uploaded",
        "1 uploaded, 0 were there, 1 still training, 0 failed",
    ]
    (run,) = server.rows
    assert logged(server.rows[run]) == read_rows(Path("sweep/a/metrics.csv"))
    assert server.exit_codes == {run: 0}
    assert any("'record'" in str(v) for o, v in server.operations if o == "CreateArtifact")

    before = len(server.operations)
    assert command("scripts/sync.py", "sweep").out == ["0 uploaded, 1 were there, 1 still training, 0 failed"]
    assert len(server.operations) == before
    training.release()
    assert [(run.training, len(run.left)) for run in find_offline_runs([Path("sweep/open")])] == [(False, 1)]


@pytest.mark.proof
def test_a_run_online_sends_what_it_writes(small_settings: list[str], server: StandIn) -> None:
    kept = [s for s in small_settings if not s.startswith("callbacks")]
    watching = [
        "logger=wandb",
        "logger.wandb.mode=online",
        "callbacks=default",
        "callbacks.sample.n_tokens=3",
    ]
    # W&B keeps the server of its first run in a process for all others
    overrides = [*kept, *watching, "run_dir=run", "sweep=grid", "tags=[one]"]
    subprocess.run([sys.executable, str(ROOT / "train.py"), *overrides], check=True, timeout=120)
    (run,) = server.rows
    assert logged(server.rows[run]) == read_rows(Path("run/metrics.csv"))
    assert server.exit_codes == {run: 0}
    upserts = [v for o, v in server.operations if o == "UpsertBucket"]
    assert any(v.get("groupName") == "grid" and v.get("jobType") == "train" for v in upserts)
    assert any(name.startswith("media/images/attention_maps/decoder") for name in server.files)
    assert any(name.startswith("media/table/parameter_groups") for name in server.files)
    end = server.summaries[run]
    assert end["status"] == "finished"
    assert end["val/loss"].keys() >= {"min", "last"}


@pytest.mark.fast
def test_attempts_of_one_run_are_found_in_order_and_uploaded_ones_left_out(tmp_path: Path) -> None:
    plant(tmp_path / "run", val=2.0)
    for day in ("2", "1"):
        folder = tmp_path / "run" / "wandb" / f"offline-run-2026010{day}_000000-abc"
        folder.mkdir(parents=True)
        (folder / "run-abc.wandb").touch()
    first = tmp_path / "run/wandb/offline-run-20260101_000000-abc/run-abc.wandb.synced"
    (run,) = find_offline_runs([tmp_path, tmp_path / "run"])
    assert [file.parent.name for file in run.left] == [
        "offline-run-20260101_000000-abc",
        "offline-run-20260102_000000-abc",
    ]
    first.touch()
    (run,) = find_offline_runs([tmp_path])
    assert [file.parent.name for file in run.left] == ["offline-run-20260102_000000-abc"]


@pytest.mark.fast
def test_nothing_to_upload_and_nobody_logged_in_are_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="is not a folder"):
        find_offline_runs([tmp_path / "none"])
    plant(tmp_path / "run", val=2.0)
    answer = command("scripts/sync.py", "run")
    assert (answer.status, len(answer.err)) == (2, 1)
    assert "there is no offline W&B run" in answer.err[0]
    (tmp_path / "run/wandb/offline-run-1").mkdir(parents=True)
    (tmp_path / "run/wandb/offline-run-1/run-1.wandb").touch()
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))
    answer = command("scripts/sync.py", "run")
    assert (answer.status, answer.err) == (2, [answer.err[0]])
    assert answer.err[0].startswith("error: nobody is logged in to W&B: wandb login")
