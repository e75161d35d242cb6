"""Runs that act: resumed bit for bit, read again and evaluated."""

import signal
from pathlib import Path

import pytest
import torch

import tuneformer
from tests.training.conftest import Fault, Train, TrainHere, assert_same_run
from tuneformer.analysis.attention.subject import read_subject
from tuneformer.errors import UserError
from tuneformer.inference.evaluation import evaluate

pytest.importorskip("gymnasium", reason="the extra rl is not installed")


def run_of(environment: str, *more: str) -> list[str]:
    """A run of 12 steps that is validated at 5 and 10."""
    return [
        "data=trajectories",
        f"data.environment={environment}",
        "model=decision_transformer",
        "logger=none",
        "data.n_episodes=30",
        "data.eval_episodes=3",
        "data.context_length=6",
        "data.batch_size=8",
        "model.n_layers=1",
        "model.n_heads=2",
        "model.d_model=16",
        "scheduler.warmup=3",
        "trainer.threads=1",
        "trainer.max_steps=12",
        "trainer.val_check_interval=5",
        "trainer.log_every_n_steps=4",
        "callbacks.checkpoints.every_n_steps=3",
        *more,
    ]


def test_a_killed_run_goes_on_as_if_it_had_not_been(train_in_child: Train, tmp_path: Path) -> None:
    run = run_of("CartPole-v1", "trainer.accumulate_grad_batches=2")
    assert train_in_child([*run, "run_dir=unbroken"]).status == 0
    assert train_in_child([*run, "run_dir=killed"], Fault(step=7)).status == -signal.SIGKILL
    assert train_in_child([*run, "run_dir=killed"]).status == 0
    assert_same_run(tmp_path / "unbroken", tmp_path / "killed")


@pytest.mark.parametrize("environment", ["CartPole-v1", "Pendulum-v1"])
def test_a_run_is_read_and_evaluated_as_training_measured_it(
    environment: str, train_here: TrainHere, tmp_path: Path
) -> None:
    train_here([*run_of(environment), "run_dir=run"])
    run = tuneformer.load_run(tmp_path / "run")
    final = run.record.final
    for split, short in (("validation", "val"), ("test", "test")):
        values = evaluate(run, split=split, device=torch.device("cpu"))
        assert values.keys() == {"loss", "return", "return_low", "return_high", "normalized_score"}
        assert values == {key: pytest.approx(final[f"{short}/{key}"], rel=1e-6) for key in values}
    rows = (tmp_path / "run" / "returns.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 6
    assert (tmp_path / "run" / "acting.json").exists()
    assert run.record.data["unit"] == "steps"
    with pytest.raises(
        UserError, match=r"run cannot be analysed: the page of attention shows no examples of"
    ):
        read_subject(tmp_path / "run", checkpoint="last")


@pytest.mark.parametrize("attention", ["sliding_window", "gated_linear"])
def test_other_attention_acts_as_well(attention: str, train_here: TrainHere, tmp_path: Path) -> None:
    train_here([*run_of("CartPole-v1"), f"attention={attention}", "callbacks=none", "run_dir=run"])
    assert tuneformer.load_run(tmp_path / "run").record.status == "finished"
