"""What is measured at each logged step: against the weights themselves, and without a trace."""

import math
from pathlib import Path

import pytest
import torch

from tests.training.conftest import TrainHere, assert_same_tree, read_checkpoint
from tuneformer.runs.metrics_file import read_rows

WATCHED = ["callbacks=default", "callbacks.sample.n_tokens=2"]
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


@pytest.mark.parametrize("optimizer", ["adamw", "sam"])
def test_watching_changes_nothing(
    optimizer: str, tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    watched = [*tiny, *WATCHED, f"optimizer={optimizer}", "run_dir=watched"]
    train_here(watched)
    train_here([*tiny, "callbacks=none", f"optimizer={optimizer}", "run_dir=alone"])
    assert_same_tree(
        read_checkpoint(tmp_path / "watched")["state_dict"], read_checkpoint(tmp_path / "alone")["state_dict"]
    )
    rows = read_rows(tmp_path / "watched/metrics.csv")
    ratios = [value for row in rows for key, value in row.items() if key.startswith("update_ratio/")]
    assert ratios
    assert all(0 < ratio < 1 for ratio in ratios)
