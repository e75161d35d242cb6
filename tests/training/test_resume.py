"""A run that is killed and started again ends as one that never was."""

import signal
from pathlib import Path
from random import Random

import pytest
import pytorch_lightning as pl

from tests.training.conftest import (
    Fault,
    Train,
    TrainHere,
    assert_same_run,
    assert_same_tree,
    read_checkpoint,
    repeatable_rows,
)
from tuneformer.config.options import list_options
from tuneformer.runs.record import read_record, stored_record
from tuneformer.training.callbacks.run_metrics import RunMetrics

CONF = Path(__file__).parents[2] / "conf"
OPTIMIZERS = [name for name in list_options("optimizer", [CONF]) if name != "any"]
SCHEDULES = ("cosine", "wsd", "constant")
DROPOUT = "model.dropout=0.1"


class BrokenError(Exception):
    """What ends a run in the middle of a step, in this process."""


def settings_of(optimizer: str, schedule: str) -> list[str]:
    accumulation = 1 if optimizer == "sam" else 1 + OPTIMIZERS.index(optimizer) % 2
    return [
        f"optimizer={optimizer}",
        f"scheduler={schedule}",
        DROPOUT,
        f"trainer.accumulate_grad_batches={accumulation}",
    ]


@pytest.mark.parametrize("optimizer", OPTIMIZERS[::3])
def test_broken_run_goes_on_to_the_weights_of_the_unbroken_one(
    optimizer: str,
    tiny: list[str],
    train_here: TrainHere,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    schedule = SCHEDULES[OPTIMIZERS.index(optimizer) // 3 % len(SCHEDULES)]
    run = [*tiny, *settings_of(optimizer, schedule)]
    train_here([*run, "run_dir=unbroken"])

    step = Random(optimizer).randrange(8, 30)

    def breaks(_: RunMetrics, trainer: pl.Trainer, *__: object) -> None:
        if trainer.global_step == step:
            raise BrokenError

    with monkeypatch.context() as broken:
        broken.setattr(RunMetrics, "on_train_batch_start", breaks, raising=False)
        with pytest.raises(BrokenError):
            train_here([*run, "run_dir=broken"])
    train_here([*run, "run_dir=broken"])

    assert_same_run(tmp_path / "unbroken", tmp_path / "broken")
    assert read_record(tmp_path / "broken" / "record.json").restarts == 1


@pytest.mark.proof
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_resumed_run_equals_unbroken_run_for_every_optimizer(
    optimizer: str, schedule: str, tiny: list[str], train_in_child: Train, tmp_path: Path
) -> None:
    run = [*tiny, *settings_of(optimizer, schedule)]
    assert train_in_child([*run, "run_dir=unbroken"]).status == 0

    drawn = Random(optimizer)
    for step in (drawn.randrange(8, 18), drawn.randrange(18, 30)):
        assert train_in_child([*run, "run_dir=killed"], Fault(step=step)).status == -signal.SIGKILL
    assert train_in_child([*run, "run_dir=killed"]).status == 0

    assert_same_run(tmp_path / "unbroken", tmp_path / "killed")
    assert read_record(tmp_path / "killed" / "record.json").restarts == 2


def test_kills_at_every_kind_of_moment_leave_no_trace(
    tiny: list[str], train_in_child: Train, tmp_path: Path
) -> None:
    run = [*tiny, DROPOUT, "callbacks.checkpoints.every_n_steps=5"]
    assert train_in_child([*run, "run_dir=unbroken"]).status == 0
    moments = [
        Fault(step=3),  # before the first checkpoint
        Fault(step=5),  # right after one
        Fault(step=10, where="validating"),  # before the checkpoint of the same step
        Fault(step=10),  # right after both
        Fault(step=15, where="saving"),
        Fault(step=20, where="saving"),
        Fault(step=27),
        Fault(step=30, where="saving"),
        Fault(step=30, where="validating"),
        Fault(step=30, where="testing"),
    ]
    for moment in moments:
        assert train_in_child([*run, "run_dir=killed"], moment).status == -signal.SIGKILL, moment
        assert stored_record(tmp_path / "killed" / "record.json").status == "running"
        assert read_record(tmp_path / "killed" / "record.json").status == "interrupted"
    assert train_in_child([*run, "run_dir=killed"]).status == 0
    assert_same_run(tmp_path / "unbroken", tmp_path / "killed")
    left = sorted(file.name for file in (tmp_path / "killed" / "checkpoints").iterdir())
    assert left == ["best.ckpt", "last.ckpt", "previous.ckpt"]


@pytest.mark.parametrize(
    ("number", "where"),
    [(signal.SIGTERM, "batch"), (signal.SIGINT, "batch"), (signal.SIGHUP, "validating")],
)
def test_a_signal_saves_the_step_and_the_run_goes_on_from_it(
    number: signal.Signals, where: str, tiny: list[str], train_in_child: Train, tmp_path: Path
) -> None:
    run = [*tiny, DROPOUT]
    assert train_in_child([*run, "run_dir=unbroken"]).status == 0

    step = 20 if where == "validating" else 16
    stopped = train_in_child([*run, "run_dir=stopped"], Fault(step=step, where=where, signal=number))
    assert stopped.status == 128 + number
    record = read_record(tmp_path / "stopped" / "record.json")
    # a signal before a batch stops once that batch is done
    saved = step + (where == "batch")
    assert (record.status, record.steps) == ("interrupted", saved)
    assert record.error == f"stopped by signal {number.value} at step {saved}"
    assert read_checkpoint(tmp_path / "stopped")["global_step"] == saved
    assert "Traceback" not in stopped.output

    assert train_in_child([*run, "run_dir=stopped"]).status == 0
    assert_same_run(tmp_path / "unbroken", tmp_path / "stopped")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_a_signal_during_the_final_test_is_recorded_and_costs_no_step(
    number: signal.Signals, tiny: list[str], train_in_child: Train, tmp_path: Path
) -> None:
    run = [*tiny, "run_dir=stopped"]
    stopped = train_in_child(run, Fault(step=30, where="testing", signal=number))
    assert stopped.status == 128 + number
    assert read_record(tmp_path / "stopped" / "record.json").status == "interrupted"
    again = train_in_child(run)
    assert again.status == 0
    assert "test loss" in again.output
    assert [row["step"] for row in repeatable_rows(tmp_path / "stopped")] == [
        4,
        8,
        10,
        12,
        16,
        20,
        24,
        28,
        30,
    ]


def test_the_end_of_an_accumulated_batch_stays_where_it_is_when_accumulation_changes(
    tiny: list[str], train_in_child: Train, tmp_path: Path
) -> None:
    assert train_in_child([*tiny, "run_dir=unbroken"]).status == 0
    stop = Fault(step=16, signal=signal.SIGTERM)
    assert train_in_child([*tiny, "run_dir=changed"], stop).status == 143
    split = [*tiny, "run_dir=changed", "trainer.accumulate_grad_batches=2"]
    assert train_in_child(split, Fault(step=24, signal=signal.SIGTERM)).status == 143
    assert train_in_child([*tiny, "run_dir=changed", "trainer.accumulate_grad_batches=4"]).status == 0

    expected, found = (read_checkpoint(tmp_path / name)["state_dict"] for name in ("unbroken", "changed"))
    for name, weights in expected.items():
        assert (weights - found[name]).abs().max() < 2e-5, name
    for left, right in zip(
        repeatable_rows(tmp_path / "unbroken"), repeatable_rows(tmp_path / "changed"), strict=True
    ):
        assert left == pytest.approx(right, rel=2e-4)


def test_a_finished_run_returns_at_once_and_changes_nothing(
    tiny: list[str], train_in_child: Train, tmp_path: Path
) -> None:
    run = [*tiny, "run_dir=run"]
    assert train_in_child(run).status == 0
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "run").rglob("*") if file.is_file()}
    again = train_in_child(run)
    assert again.status == 0
    assert again.output == "run has finished already\n"
    assert before == {
        file: file.stat().st_mtime_ns for file in (tmp_path / "run").rglob("*") if file.is_file()
    }


def test_a_comparison_of_runs_sees_one_changed_bit(
    tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    train_here([*tiny, "run_dir=run"])
    weights = read_checkpoint(tmp_path / "run")["state_dict"]
    changed = {name: tensor.clone() for name, tensor in weights.items()}
    last = next(reversed(changed.values()))
    last.view(-1)[-1] = last.view(-1)[-1].nextafter(last.new_tensor(9.0))
    with pytest.raises(AssertionError):
        assert_same_tree(weights, changed)
