"""Several devices in each job, and nothing of it in the next."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
Records = Callable[[], dict[str, dict[str, Any]]]


@pytest.mark.proof
@pytest.mark.parametrize("launcher", ["serial", "local"])
def test_jobs_on_two_devices_run_one_after_another(
    small_settings: list[str], tmp_path: Path, records: Records, launcher: str
) -> None:
    line = [*small_settings, "sweep=mine", "preflight=quick", f"launcher={launcher}", "seed=0,1"]
    done = subprocess.run(
        [sys.executable, str(ROOT / "train.py"), "--multirun", *line, "trainer=ddp,default"],
        cwd=tmp_path,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = records()
    assert {name: record["hardware"]["devices"] for name, record in found.items()} == {
        "seed=0,trainer=ddp": 2,
        "seed=0,trainer=default": 1,
        "seed=1,trainer=ddp": 2,
        "seed=1,trainer=default": 1,
    }
    for seed in (0, 1):
        two, one = (found[f"seed={seed},trainer={name}"]["metrics"]["final"] for name in ("ddp", "default"))
        assert two["val/loss"] == pytest.approx(one["val/loss"], rel=1e-4)
    # no rank ran a sweep of its own, or a run beside it
    assert [folder.name for folder in (tmp_path / "outputs").iterdir()] == ["sweeps"]
