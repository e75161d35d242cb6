"""Jobs in processes of their own: what kills one, or the launcher, and going on afterwards."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sweeps.conftest import ROOT
from tests.sweeps.processes import Start, finish_under_kills, have_trained, jobs_of, records_of, wait_for

LOCAL = ["launcher=local", "launcher.n_jobs=2"]


@pytest.mark.proof
def test_a_killed_job_ends_alone_and_ctrl_c_saves_and_the_same_line_goes_on(
    start: Start, tmp_path: Path
) -> None:
    long = ["trainer.max_steps=1000", "trainer.log_every_n_steps=10", "trainer.val_check_interval=1000"]
    sweep = start(*LOCAL, "seed=0,1,2", *long)
    wait_for(lambda: have_trained("mine", 2))
    os.kill(jobs_of(sweep.pid)[0], signal.SIGKILL)
    wait_for(lambda: have_trained("mine", 3))
    sweep.send_signal(signal.SIGINT)
    _, told = sweep.communicate(timeout=90)
    assert sweep.returncode == 130, told
    assert "killed by signal 9" in told
    assert "stopped: the same line again goes on" in told
    found = records_of("mine")
    assert sorted(record["status"] for record in found.values()) == ["interrupted"] * 3
    assert any(record["error"] == "killed by signal 9" for record in found.values())
    stopped = [
        record["steps"]
        for record in found.values()
        if "signal 2" in str(record["error"]) or "signal 15" in str(record["error"])
    ]
    assert len(stopped) == 2
    assert all(0 < steps < 1000 for steps in stopped)
    again = start(*LOCAL, "seed=0,1,2", *long)
    _, told = again.communicate(timeout=120)
    assert again.returncode == 0, told
    assert {record["status"] for record in records_of("mine").values()} == {"finished"}


@pytest.mark.proof
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_to_all_processes_of_a_sweep_saves_its_jobs(
    number: signal.Signals, small_settings: list[str], tmp_path: Path
) -> None:
    long = ["trainer.max_steps=5000", "trainer.val_check_interval=5000", "preflight=quick", "sweep=mine"]
    line = [sys.executable, str(ROOT / "train.py"), "--multirun", *small_settings, *LOCAL, *long, "seed=0,1"]
    sweep = subprocess.Popen(line, cwd=tmp_path, start_new_session=True)
    wait_for(lambda: have_trained("mine", 2))
    os.killpg(sweep.pid, number)
    assert sweep.wait(timeout=90) == 128 + number
    assert [(record["status"], record["error"][:20]) for record in records_of("mine").values()] == [
        ("interrupted", "stopped by signal 15")
    ] * 2


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_a_sweep_killed_at_ten_random_moments_comes_to_what_an_undisturbed_one_does(start: Start) -> None:
    line = [
        *LOCAL,
        "optimizer=adamw,sgd",
        "seed=0,1,2,3,4,5",
        "trainer.max_steps=150",
        "trainer.val_check_interval=50",
        "callbacks.checkpoints.every_n_steps=20",
        "model.dropout=0.1",
    ]
    undisturbed = start(*line, sweep="undisturbed")
    undisturbed.communicate(timeout=600)
    assert undisturbed.returncode == 0

    assert finish_under_kills(lambda: start(*line), kills=10, seed=0) == {"launcher", "server", "job"}
    expected, found = records_of("undisturbed"), records_of("mine")
    assert len(expected) == len(found) == 12
    assert sum(record["restarts"] for record in found.values()) > 0
    for name, record in found.items():
        assert record["status"] == "finished"
        assert record["hardware"]["threads"] == expected[name]["hardware"]["threads"]
        metrics, wanted = record["metrics"]["final"], expected[name]["metrics"]["final"]
        timed = [key for key in metrics if key.startswith("throughput/") or key == "seconds"]
        assert {k: v for k, v in metrics.items() if k not in timed} == {
            k: v for k, v in wanted.items() if k not in timed
        }


def test_the_process_that_launches_never_loads_torch(small_settings: list[str], tmp_path: Path) -> None:
    line = ["train.py", "--multirun", *small_settings, "launcher=local", "launcher.n_jobs=2", "seed=0,1"]
    code = (
        f"import runpy, sys; sys.argv = {line!r}\n"
        "if __name__ == '__main__':\n"
        f"    runpy.run_path({str(ROOT / 'train.py')!r}, run_name='__main__')\n"
        "    print('loaded', 'torch' in sys.modules)\n"
    )
    (tmp_path / "launch.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "launch.py"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=200
    )
    assert "2 of 2 jobs done" in done.stderr
    assert done.stdout.splitlines()[-1] == "loaded False"
