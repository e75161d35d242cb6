"""Induction is learned: which heads do it, when they form, and what the loss is without them."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.progress import Progress

import tuneformer
from tests.training.conftest import train_here
from tuneformer.analysis.attention.analysis import analyse
from tuneformer.measures.head_importance import importance_by_ablation
from tuneformer.models.attention.layer_spec import AttentionSite
from tuneformer.report.attention_page.head_rows import heads_csv
from tuneformer.runs.metrics_file import read_rows
from tuneformer.runs.probe_files import read_snapshot, snapshots_in

__all__ = ["train_here"]

pytestmark = [pytest.mark.proof, pytest.mark.timeout(900)]

# one head a layer: with more of them the work is shared
INDUCTION = [
    "experiment=induction",
    "callbacks=default",
    "model.n_heads=1",
    "logger=none",
    "trainer.threads=1",
    "trainer.max_steps=600",
    "trainer.val_check_interval=25",
    "run_dir=run",
]
PREVIOUS, PREFIX = "previous_token", "prefix_matching"


def scores(run: Path, layer: int, measure: str) -> list[float]:
    rows = [row for row in read_rows(run / "metrics.csv") if "val/loss" in row]
    return [row[f"attention/decoder.{layer}.0/{measure}"] for row in rows]


def test_two_layers_grow_the_two_heads_as_the_loss_falls_and_need_both(
    train_here: Callable[..., Any], tmp_path: Path
) -> None:
    train_here(INDUCTION)
    run = tuneformer.load_run(tmp_path / "run")
    losses = [row["val/loss"] for row in read_rows(run.path / "metrics.csv") if "val/loss" in row]
    assert losses[-1] < 0.3
    null = read_snapshot(snapshots_in(run.path)[0]).heads
    previous, prefix = scores(run.path, 0, PREVIOUS), scores(run.path, 1, PREFIX)
    assert previous[-1] > 2 * float(null[PREVIOUS]["decoder", 0][0])
    assert previous[-1] > 5 * scores(run.path, 1, PREVIOUS)[-1]
    assert prefix[-1] > 0.35
    assert scores(run.path, 0, PREFIX)[-1] < 0.05

    halved = next(index for index, loss in enumerate(losses) if loss < losses[0] / 2)
    for rising in (previous, prefix):
        half = (rising[0] + rising[-1]) / 2
        assert abs(next(index for index, score in enumerate(rising) if score > half) - halved) <= 4  # of 24

    analysis = analyse(run.path, checkpoint="last", text=None, examples=16, progress=Progress(disable=True))
    told = " ".join(analysis.findings)
    assert "decoder.0.0 attends most to the token before" in told
    assert "decoder.1.0 attends most to what followed a token before" in told
    rows = csv.DictReader(heads_csv([analysis]).splitlines())
    last = [row for row in rows if int(row["step"]) == 600]
    assert max(last, key=lambda row: float(row[PREVIOUS]))["layer"] == "0"
    assert max(last, key=lambda row: float(row["prefix_matching_random"]))["layer"] == "1"

    without = importance_by_ablation(
        run.model, lambda copies: losses_of_repeats(run.model), by="zero", at_once=1, track=list
    )
    assert {site: bool(score[0] > 1.0) for site, score in without.items()} == {
        AttentionSite("decoder", 0): True,
        AttentionSite("decoder", 1): True,
    }


def test_one_layer_fails_and_has_neither_head(train_here: Callable[..., Any], tmp_path: Path) -> None:
    train_here([*INDUCTION, "model.n_layers=1"])
    run = tmp_path / "run"
    (last,) = [row for row in read_rows(run / "metrics.csv") if row["step"] == 600 and "val/loss" in row]
    assert last["val/loss"] > 1.5
    null = read_snapshot(snapshots_in(run)[0]).heads[PREVIOUS]["decoder", 0]
    assert scores(run, 0, PREVIOUS)[-1] < 1.5 * float(null[0])
    assert scores(run, 0, PREFIX)[-1] < 0.3


def losses_of_repeats(model: torch.nn.Module) -> torch.Tensor:
    """Nats an example of the second copy of 16 different tokens, after the first that could be known."""
    draw = torch.Generator().manual_seed(0)
    copies = torch.stack([torch.randperm(32, generator=draw)[:16] for _ in range(64)])
    tokens = torch.cat([copies, copies], dim=1)
    logits = model(tokens)[:, 17:-1]
    nats = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 18:].flatten(), reduction="none")
    return nats.view(len(tokens), -1).mean(dim=1)
