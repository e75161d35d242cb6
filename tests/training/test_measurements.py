"""What is measured at each logged step: against the weights themselves, and without a trace."""

import math
from pathlib import Path

import pytest
import torch

from tests.training.conftest import Train, TrainHere, assert_same_tree, read_checkpoint
from tests.training.two_ranks import train_in_two_ranks
from tuneformer.runs.metrics_file import read_rows

WATCHED = ["callbacks=default", "callbacks.sample.n_tokens=2"]
EVERYTHING = ["callbacks=diagnostics", "callbacks.sample.n_tokens=2"]
SAFE = ["callbacks.checkpoints.every_n_steps=1", "callbacks.checkpoints.keep_every_n_steps=1"]


def test_norms_by_part_make_up_the_whole_and_updates_are_those_of_the_checkpoints(
    tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    settings = ["trainer.max_steps=6", "trainer.log_every_n_steps=2", "trainer.val_check_interval=6"]
    settings += ["trainer.gradient_clip_val=0.05", "trainer.accumulate_grad_batches=2", "run_dir=run"]
    train_here([*tiny, *WATCHED, *SAFE, *settings])
    rows = {row["step"]: row for row in read_rows(tmp_path / "run/metrics.csv")}
    for step in (2, 4, 6):
        row = rows[step]
        parts = {name: value for name, value in row.items() if name.startswith("grad_norm/")}
        assert {"grad_norm/embedding", "grad_norm/decoder.0"} <= parts.keys()
        assert math.hypot(*parts.values()) == pytest.approx(row["grad_norm"], rel=1e-5)
        assert row["grad_norm"] > 0.05
        assert row["grad_norm_clipped"] == pytest.approx(0.05, rel=1e-3)
    before, after = (read_checkpoint(tmp_path / "run", f"step_{step}.ckpt")["state_dict"] for step in (3, 4))
    name = "model.token_embedding.weight"
    norm = float(torch.linalg.vector_norm(before[name]))
    moved = float(torch.linalg.vector_norm(after[name] - before[name]))
    assert rows[4]["weight_norm/embeddings"] == pytest.approx(norm, rel=1e-5)
    assert rows[4]["update_ratio/embeddings"] == pytest.approx(moved / norm, rel=1e-4)


@pytest.mark.parametrize(
    "settings",
    [
        ["optimizer=adamw", "model.dropout=0.1", "trainer.accumulate_grad_batches=2"],
        ["optimizer=sam"],
        ["optimizer=muon", "trainer.precision=bf16-mixed"],
        ["optimizer=sgd", "trainer.precision=64-true"],
        ["optimizer=adamw", "attention=differential"],
    ],
)
def test_watching_changes_nothing(
    settings: list[str], tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    settings = [*tiny, *settings, "trainer.max_steps=20", "trainer.val_check_interval=10"]
    train_here([*settings, *EVERYTHING, "run_dir=watched"])
    train_here([*settings, "callbacks=none", "run_dir=alone"])
    watched, alone = (read_checkpoint(tmp_path / run) for run in ("watched", "alone"))
    assert_same_tree(watched["state_dict"], alone["state_dict"])
    assert_same_tree(watched["optimizer_states"], alone["optimizer_states"])
    rows = read_rows(tmp_path / "watched/metrics.csv")
    ratios = [value for row in rows for key, value in row.items() if key.startswith("update_ratio/")]
    assert ratios
    assert all(0 < ratio < 1 for ratio in ratios)
    (last,) = [row for row in rows if row["step"] == 20 and "val/loss" in row]
    expected = {"attention/decoder.0.1/entropy", "residual/decoder.0/norm", "units/decoder.0/dead"}
    assert expected | {"stable_rank/decoder.0", "gradient_noise/trace"} <= last.keys()
    assert last["curvature/sharpness"] > 0
    divides = "optimizer=adamw" in settings or "optimizer=sam" in settings  # by the root of a mean square
    assert ("curvature/adam_sharpness" in last) == divides


def test_weights_of_few_bits_are_watched_but_for_their_curvature(
    tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    train_here([*tiny, *EVERYTHING, "trainer.precision=bf16-true", "trainer.max_steps=4", "run_dir=run"])
    columns = {name for row in read_rows(tmp_path / "run/metrics.csv") for name in row}
    assert "attention/decoder.0.1/largest_logit" in columns
    assert "curvature/sharpness" not in columns


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_two_processes_measure_what_one_does_and_shards_what_they_can(
    tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    watched = [*tiny, *EVERYTHING]
    runs = {
        "ddp": [*watched, "trainer=ddp"],
        "unwatched": [*tiny, "callbacks=none", "trainer=ddp"],
        "sharded": [*watched, "trainer=fsdp"],
    }
    train_in_two_ranks(runs, tmp_path)
    train_here([*watched, "run_dir=one"])
    weights = [read_checkpoint(tmp_path / run)["state_dict"] for run in ("ddp", "unwatched")]
    assert_same_tree(*weights)
    assert (tmp_path / "sharded/sample.txt").read_text()
    rows = {run: last_row(tmp_path / run) for run in ("one", "ddp", "sharded")}
    of_model = (
        "attention",
        "residual",
        "units",
        "stable_rank",
        "effective_lr",
        "gradient_noise",
        "curvature",
    )
    measured = {name: value for name, value in rows["one"].items() if name.startswith(of_model)}
    assert len(measured) > 20
    assert {name: rows["ddp"][name] for name in measured} == pytest.approx(measured, rel=0.02, abs=1e-3)
    kept = {name for name in rows["sharded"] if name.startswith(of_model)}
    assert kept == {name for name in measured if name.startswith(("stable_rank", "effective_lr"))}
    assert {name: rows["sharded"][name] for name in kept} == pytest.approx(
        {name: measured[name] for name in kept}, rel=1e-3
    )


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_a_compiled_model_is_watched_and_trains_the_same(
    tiny: list[str], train_in_child: Train, tmp_path: Path
) -> None:
    compiled = [*tiny, "trainer.compile=true", "trainer.max_steps=10"]
    assert train_in_child([*compiled, *EVERYTHING, "run_dir=watched"]).status == 0
    assert train_in_child([*compiled, "callbacks=none", "run_dir=alone"]).status == 0
    watched, alone = (read_checkpoint(tmp_path / run) for run in ("watched", "alone"))
    assert_same_tree(watched["state_dict"], alone["state_dict"])
    assert {"attention/decoder.0.1/importance", "curvature/sharpness"} <= last_row(
        tmp_path / "watched"
    ).keys()


def last_row(run: Path) -> dict[str, float]:
    """The row of the last validation."""
    return [row for row in read_rows(run / "metrics.csv") if "val/loss" in row][-1]
