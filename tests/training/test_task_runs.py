"""Runs of tasks that are not text: resumed bit for bit, in two processes, read again, evaluated."""

import signal
from pathlib import Path

import pytest
import torch

import tuneformer
from tests import small_data
from tests.training.conftest import Fault, Train, TrainHere, assert_same_run
from tuneformer.errors import UserError
from tuneformer.inference.evaluation import evaluate

EXPERIMENTS = ("recall", "regression", "idx")


def run_of(name: str, folder: Path) -> list[str]:
    """A run of 12 steps that is validated at 5 and 10, on small examples, with dropout and shifts."""
    if name == "idx":
        source = small_data.write_idx_folder(folder / "images")
        chosen = ["data=idx", f"data.path={source}", "model=vit", "data.shift=1", "callbacks=default"]
    else:
        chosen = [f"experiment={name}", "callbacks=default", "data.n_validation=30", "data.n_test=30"]
    return [
        *chosen,
        "logger=none",
        "data.batch_size=8",
        "model.n_layers=1",
        "model.n_heads=2",
        "model.d_model=16",
        "model.dropout=0.1",
        "scheduler.warmup=3",
        "trainer.threads=1",
        "trainer.max_steps=12",
        "trainer.val_check_interval=5",
        "trainer.log_every_n_steps=4",
        "callbacks.checkpoints.every_n_steps=3",
    ]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_killed_run_goes_on_as_if_it_had_not_been(name: str, train_in_child: Train, tmp_path: Path) -> None:
    run = [*run_of(name, tmp_path), "trainer.accumulate_grad_batches=2"]
    assert train_in_child([*run, "run_dir=unbroken"]).status == 0
    assert train_in_child([*run, "run_dir=killed"], Fault(step=7)).status == -signal.SIGKILL
    assert train_in_child([*run, "run_dir=killed"]).status == 0
    assert_same_run(tmp_path / "unbroken", tmp_path / "killed")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_run_is_read_and_evaluated_as_training_measured_it(
    name: str, train_here: TrainHere, tmp_path: Path
) -> None:
    result = train_here([*run_of(name, tmp_path), "run_dir=run"])
    run = tuneformer.load_run(tmp_path / "run")
    final = run.record.final
    for split, short in (("validation", "val"), ("test", "test")):
        values = evaluate(run, split=split, device=torch.device("cpu"))
        assert values == {key: pytest.approx(final[f"{short}/{key}"], rel=1e-6) for key in values}
    assert result == final["val/loss"]
    assert not (tmp_path / "run" / "sample.txt").exists()
    unit = run.record.data["unit"]
    assert run.record.seen == 12 * 8 * (1 if unit == "images" else run.config["data"]["context_length"])
    assert max(run.metrics[unit].values()) == run.record.seen
    with pytest.raises(UserError, match=f"has no tokenizer: its task is {run.task}"):
        _ = run.tokenizer


def test_a_classifier_leaves_its_confusion_and_its_classes(train_here: TrainHere, tmp_path: Path) -> None:
    settings = ["optimized_metric=val/accuracy", "callbacks.checkpoints.best_metric=val/accuracy"]
    result = train_here([*run_of("idx", tmp_path), *settings, "run_dir=run"])
    run = tuneformer.load_run(tmp_path / "run", checkpoint="best")
    assert result == run.record.final["val/accuracy"]
    rows = (tmp_path / "run" / "confusion.csv").read_text(encoding="utf-8").splitlines()
    counts = [list(map(int, row.split(",")[1:])) for row in rows[1:]]
    assert sum(map(sum, counts)) == 30
    right = sum(counts[number][number] for number in range(2))
    assert right / 30 == pytest.approx(run.record.final["test/accuracy"])
    assert run.record.best["val/accuracy"] == max(run.metrics["val/accuracy"].values())
    assert (tmp_path / "run" / "classes.json").read_text(encoding="utf-8") == '["0", "1"]\n'


@pytest.mark.proof
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_two_processes_train_on_the_same_global_batches(
    name: str, train_in_child: Train, tmp_path: Path
) -> None:
    run = [line for line in run_of(name, tmp_path) if "dropout" not in line]
    run += ["trainer.precision=64-true"]  # Adam makes a whole step of a gradient that is rounding alone
    assert train_in_child([*run, "run_dir=one"]).status == 0
    ended = train_in_child([*run, "trainer=ddp", "trainer.devices=2", "run_dir=two"])
    assert ended.status == 0, ended.output
    one, two = (tuneformer.load_run(tmp_path / name) for name in ("one", "two"))
    for left, right in zip(one.model.parameters(), two.model.parameters(), strict=True):
        torch.testing.assert_close(left, right, rtol=1e-6, atol=1e-9)
    for metric in ("val/loss", "test/loss"):
        final = [run.record.final[metric] for run in (one, two)]
        assert final[0] == pytest.approx(final[1], rel=1e-6)
