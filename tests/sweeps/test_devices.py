"""Several devices in each job, and nothing of it in the next."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.training.test_distributed import processes_of

ROOT = Path(__file__).parents[2]
Records = Callable[[], dict[str, dict[str, Any]]]


def multirun(line: list[str], *, folder: Path) -> subprocess.CompletedProcess[str]:
    """`python train.py --multirun` in a folder, which must succeed."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "train.py"), "--multirun", *line],
        cwd=folder,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.proof
@pytest.mark.parametrize("launcher", ["serial", "local"])
def test_jobs_on_two_devices_run_one_after_another(
    small_settings: list[str], tmp_path: Path, records: Records, launcher: str
) -> None:
    line = [*small_settings, "sweep=mine", "preflight=quick", f"launcher={launcher}", "seed=0"]
    multirun([*line, "trainer=ddp,fsdp,default"], folder=tmp_path)
    found = records()
    assert {name: record["hardware"]["devices"] for name, record in found.items()} == {
        "seed=0,trainer=ddp": 2,
        "seed=0,trainer=default": 1,
        "seed=0,trainer=fsdp": 2,
    }
    ddp, one, fsdp = (record["metrics"]["final"]["val/loss"] for record in found.values())
    assert ddp == pytest.approx(one, rel=1e-4)
    assert fsdp == pytest.approx(one, rel=1e-4)
    # no rank ran a sweep of its own, or a run beside it
    assert [folder.name for folder in (tmp_path / "outputs").iterdir()] == ["sweeps"]


@pytest.mark.proof
def test_a_trial_that_is_pruned_ends_on_both_devices_and_the_next_one_runs(
    small_settings: list[str], tmp_path: Path, records: Records
) -> None:
    line = [
        *small_settings,
        "sweep=mine",
        "preflight=quick",
        "trainer=ddp",
        "trainer.max_steps=6",
        "optimizer=sgd",
        "search=random",
        "search.seed=50",  # of the rates that it draws, the second is the lowest and the third the highest
        "search.pruner=median",
        "search.startup_trials=1",
        "search.pruner_warmup_steps=2",
        "hydra.sweeper.n_trials=3",
    ]
    done = multirun(line, folder=tmp_path)
    assert "Traceback" not in done.stderr
    trials = sorted(records().values(), key=lambda record: record["search"]["trial"])
    assert [record["status"] for record in trials] == ["finished", "pruned", "finished"]
    assert [record["hardware"]["devices"] for record in trials] == [2, 2, 2]
    assert 2 <= trials[1]["steps"] < 6
    assert processes_of(tmp_path) == []
