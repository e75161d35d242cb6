"""Where what W&B wrote offline is found again."""

from pathlib import Path

import pytest

from tuneformer.errors import UserError
from tuneformer.report.wandb_sync import find_offline_runs
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.record import run_identifier
from tuneformer.runs.wandb_places import folder_of

pytestmark = pytest.mark.fast


def test_from_the_run_directory_its_files_in_wandb_dir_are_found_and_no_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    monkeypatch.delenv("WANDB_DIR", raising=False)
    assert folder_of(run) == run
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "boards"))
    assert folder_of(run) == folder_of(run) == tmp_path / "boards"
    assert (run / "wandb" / "kept_in.txt").read_text() == f"{tmp_path / 'boards'}\n"
    for identifier in (run_identifier(run), "another"):
        folder = tmp_path / "boards" / "wandb" / f"offline-run-20260101_000000-{identifier}"
        folder.mkdir()
        (folder / f"run-{identifier}.wandb").touch()
    held = RunDirectory(run)
    held.acquire()  # the run can go on
    held.release()
    monkeypatch.delenv("WANDB_DIR")
    (found,) = find_offline_runs([run])
    assert [file.name for file in found.left] == [f"run-{run_identifier(run)}.wandb"]
    (tmp_path / "file").touch()
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "file"))
    with pytest.raises(UserError, match=r"^WANDB_DIR=.*file cannot be written to"):
        folder_of(run)
