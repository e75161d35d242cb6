"""The page that a run writes of itself."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tuneformer.runs.record import read_record
from tuneformer.training.callbacks import run_page

Command = Callable[..., Any]
QUICK = (
    "experiment=smoke",
    "callbacks=default",
    "logger=none",
    "trainer.max_steps=20",
    "trainer.val_check_interval=5",
)

SLOW = 3.0
"""Seconds that a page takes here; the run itself takes less than one."""


def test_a_run_has_its_page_while_it_trains_and_at_its_end(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states: list[str] = []
    write = run_page.write_page

    def watched(run: Path) -> Path:
        time.sleep(SLOW)
        file = write(run)
        states.extend(line for line in file.read_text(encoding="utf-8").splitlines() if 'id="state"' in line)
        return file

    monkeypatch.setattr(run_page, "write_page", watched)
    monkeypatch.setattr(run_page, "LARGEST_SHARE", 1e9)
    run = tmp_path / "run"
    answer = command("train.py", *QUICK, "trainer.log_every_n_steps=1", f"run_dir={run}")
    assert answer.status == 0
    assert read_record(run / "record.json").train_seconds < SLOW  # of three pages none is counted
    assert ["running at step" in state for state in states] == [True] * 3 + [False]
    assert "finished at step 20 of 20" in states[-1]
    assert f"its page: {run}/report.html (python scripts/show.py {run})" in "".join(answer.out)


def test_a_page_that_cannot_be_written_ends_no_run(command: Command, tmp_path: Path) -> None:
    (tmp_path / "run" / "report.html").mkdir(parents=True)
    answer = command("train.py", *QUICK, f"run_dir={tmp_path / 'run'}")
    assert answer.status == 0
    assert any(line.startswith("no page of the run: ") for line in answer.err)
