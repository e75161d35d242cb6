"""Two gloo processes train as one process does, stop together and fail together."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from tests.training.conftest import Ended, TrainHere, read_checkpoint, repeatable_rows
from tuneformer.runs.record import read_record

TRAIN = Path(__file__).parents[2] / "train.py"
TWO = ["trainer=ddp", "trainer.devices=2"]

TrainRanks = Callable[..., Ended]


@pytest.fixture
def train_ranks(tmp_path: Path) -> TrainRanks:
    """train_ranks(overrides, planted=code): `python train.py` in a shell; each rank first runs the code."""

    def train(overrides: list[str], planted: str = "") -> Ended:
        (tmp_path / "sitecustomize.py").write_text(dedent(planted), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, str(TRAIN), *overrides],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return Ended(status=done.returncode, output=done.stdout)

    return train


def assert_same_curve(left: Path, right: Path) -> None:
    """The same rows and the same weights, but for the order in which floats were added."""
    for a, b in zip(repeatable_rows(left), repeatable_rows(right), strict=True):
        assert a == pytest.approx(b, rel=1e-4)
    expected, found = (read_checkpoint(run)["state_dict"] for run in (left, right))
    assert list(expected) == list(found)
    for name, weights in expected.items():
        assert (weights - found[name]).abs().max() < 2e-5, name


def processes_of(folder: Path) -> list[int]:
    """The processes that work in a folder."""
    found: list[int] = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and (process / "cwd").readlink() == folder:
                found.append(int(process.name))
        except OSError:
            continue
    return [number for number in found if number != os.getpid()]


def test_two_processes_give_the_rows_of_one(
    tiny: list[str], train_here: TrainHere, train_ranks: TrainRanks, tmp_path: Path
) -> None:
    train_here([*tiny, "run_dir=one"])
    ended = train_ranks([*tiny, *TWO, "run_dir=two"])
    assert ended.status == 0, ended.output
    assert "deprecated" not in ended.output
    assert "Warning" not in ended.output
    assert ended.output.count("two: finished") + ended.output.count("smoke: finished") == 1
    assert_same_curve(tmp_path / "one", tmp_path / "two")
    hardware = read_record(tmp_path / "two" / "record.json").hardware
    assert (hardware["devices"], hardware["threads"], hardware["strategy"]) == (2, 1, "DDPStrategy")
    left = {file.name for file in tmp_path.iterdir()}
    assert left - {"__pycache__"} == {"one", "sitecustomize.py", "two"}
    assert processes_of(tmp_path) == []


@pytest.mark.proof
def test_a_signal_to_the_first_process_stops_both_and_the_run_goes_on(
    tiny: list[str], train_here: TrainHere, train_ranks: TrainRanks, tmp_path: Path
) -> None:
    run = [*tiny, "trainer.accumulate_grad_batches=2"]
    train_here([*run, "run_dir=one"])
    stop_at_step_17 = """
        import os, signal
        if "LOCAL_RANK" not in os.environ:
            from tuneformer.training.callbacks.run_metrics import RunMetrics
            def stop(self, trainer, module, batch, batch_idx):
                if batch_idx == 35:
                    os.kill(os.getpid(), signal.SIGTERM)
            RunMetrics.on_train_batch_start = stop
        """
    stopped = train_ranks([*run, *TWO, "run_dir=two"], stop_at_step_17)
    assert stopped.status == 128 + signal.SIGTERM, stopped.output
    assert "Traceback" not in stopped.output
    assert processes_of(tmp_path) == []
    record = read_record(tmp_path / "two" / "record.json")
    # the ranks agree where a row is logged
    assert (record.status, record.steps) == ("interrupted", 20)

    ended = train_ranks([*run, *TWO, "run_dir=two"])
    assert ended.status == 0, ended.output
    assert_same_curve(tmp_path / "one", tmp_path / "two")


@pytest.mark.proof
def test_a_failure_of_one_rank_ends_both_soon_and_the_run_goes_on(
    tiny: list[str], train_here: TrainHere, train_ranks: TrainRanks, tmp_path: Path
) -> None:
    fail_in_rank_1 = """
        import atexit, os, time
        if "LOCAL_RANK" not in os.environ:
            atexit.register(time.sleep, 6)  # as a sweep that goes on
            from lightning_fabric.strategies.launchers.subprocess_script import _ChildProcessObserver
            _ChildProcessObserver.__init__.__defaults__ = (0.02,)  # it looks at once, and not within 5 s
        if os.environ.get("LOCAL_RANK") == "1":
            from tuneformer.training.callbacks.run_metrics import RunMetrics
            def fail(self, trainer, module, batch, batch_idx):
                if batch_idx == 18:
                    raise RuntimeError("planted")
            RunMetrics.on_train_batch_start = fail
        """
    began = time.monotonic()
    ended = train_ranks([*tiny, *TWO, "run_dir=two"], fail_in_rank_1)
    assert time.monotonic() - began < 90
    assert ended.status == 1
    assert "RuntimeError: planted" in ended.output
    assert read_record(tmp_path / "two" / "record.json").status == "failed"
    assert processes_of(tmp_path) == []

    # step 14 lies between two rows: each rank goes on with its own sum of losses
    assert read_checkpoint(tmp_path / "two")["global_step"] == 14
    assert len(read_checkpoint(tmp_path / "two")["running_loss"]) == 2
    ended = train_ranks([*tiny, *TWO, "run_dir=two"])
    assert ended.status == 0, ended.output
    train_here([*tiny, "run_dir=one"])
    assert_same_curve(tmp_path / "one", tmp_path / "two")
