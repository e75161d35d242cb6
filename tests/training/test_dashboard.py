"""What the dashboard holds beside the rows of metrics.csv, and that holding it changes no weight."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.offline_wandb import history, offline_records, pictures, summary
from tests.training.conftest import TrainHere, assert_same_tree, read_checkpoint
from tuneformer.checks.lint import factor_of
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.metrics_file import read_rows
from tuneformer.training.callbacks import attention_maps
from tuneformer.training.callbacks.attention_maps import GAP, draw_maps

WATCHED = ["callbacks=default", "callbacks.sample.n_tokens=5", "logger=wandb", "logger.wandb.mode=offline"]


@pytest.fixture
def watched(
    tiny: list[str], train_here: TrainHere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[Any]:
    monkeypatch.delattr(attention_maps, "first_example_maps")  # the probe has looked already
    train_here([*tiny, *WATCHED, "logger.wandb.log_checkpoints=true", "run_dir=run"])
    (file,) = (tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb")
    return [*offline_records(file)]


def table(records: list[Any], key: str) -> dict[str, Any]:
    (file,) = Path("run/wandb").glob(f"offline-run-*/files/media/table/{key}_summary_*.table.json")
    return json.loads(file.read_text(encoding="utf-8"))


def test_a_run_brings_axes_summaries_tables_pictures_record_and_checkpoints(watched: list[Any]) -> None:
    rows = read_rows(Path("run/metrics.csv"))
    logged = history(watched)
    assert [logged[step] | {"step": step} for step in sorted(logged)] == [
        {**row, "trainer/step": row["step"]} for row in rows
    ]
    about = next(r.run for r in watched if r.HasField("run"))
    assert about.job_type == "train"
    metrics = {r.metric.name: r.metric for r in watched if r.HasField("metric") and r.metric.name}
    assert {"trainer/step", "tokens", "seconds"} <= metrics.keys()
    assert metrics["tokens"].step_metric == "trainer/step"
    for name in ("train/loss", "val/loss", "test/loss"):
        assert (metrics[name].summary.min, metrics[name].summary.last) == (True, True)

    end = summary(watched)
    losses = [row["val/loss"] for row in rows if "val/loss" in row]
    assert end["val/loss"] == {"min": min(losses), "last": losses[-1]}
    assert end["status"] == "finished"

    groups = table(watched, "parameter_groups")
    assert groups["columns"] == ["group", "tensors", "parameters", "peak lr", "weight decay"]
    state = read_checkpoint(Path("run"))["state_dict"]
    assert sum(row[2] for row in groups["data"]) == sum(
        tensor.numel() for name, tensor in state.items() if name.startswith("model.")
    )
    plan = table(watched, "lr_preview")["data"]
    factor = factor_of(RunDirectory(Path("run")).read_config())
    peaks = {row[0]: row[3] for row in groups["data"]}
    assert [row[2] for row in plan] == pytest.approx([peaks[name] * factor(step) for step, name, _ in plan])
    assert len(plan) == 30 * len(peaks)
    text = Path("run/sample.txt").read_text(encoding="utf-8")
    assert table(watched, "sample")["data"] == [["\n", text]]

    artifacts = {r.artifact.type: r.artifact for r in watched if r.HasField("artifact")}
    kept = {kind: {entry.path for entry in each.manifest.contents} for kind, each in artifacts.items()}
    assert kept["record"] == {"record.json", "config.yaml", "metrics.csv", "sample.txt"}
    assert kept["model"] == {"last.ckpt", "best.ckpt"}


def test_attention_is_drawn_at_every_validation_and_is_what_the_model_looks_at(watched: list[Any]) -> None:
    (drawn,) = pictures(watched).values()
    assert [step for step, _ in drawn] == [10.0, 20.0, 30.0]
    (folder,) = Path("run/wandb").glob("offline-run-*/files")
    pixels = np.asarray(Image.open(folder / drawn[-1][1]))
    assert pixels.shape == (16, 2 * 16 + GAP)  # one layer, two heads, sixteen tokens
    head = pixels[:, :16]
    assert head[0, 0] == 255  # the first token sees itself alone
    assert (head[np.triu_indices(16, 1)] == 0).all()  # nothing sees what comes after it


@pytest.mark.parametrize("optimizer", ["adamw", "schedule_free_adamw"])
def test_watching_changes_no_bit_of_the_weights(
    optimizer: str, tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    run = [*tiny, f"optimizer={optimizer}", "scheduler=warmup", "model.dropout=0.2"]
    train_here([*run, *WATCHED, "run_dir=watched"])
    train_here([*run, "run_dir=alone"])
    watched, alone = (read_checkpoint(tmp_path / name) for name in ("watched", "alone"))
    for part in ("state_dict", "optimizer_states"):
        assert_same_tree(watched[part], alone[part], part)
    losses = [
        [row.get("val/loss") for row in read_rows(Path(name) / "metrics.csv")]
        for name in ("watched", "alone")
    ]
    assert losses[0] == losses[1]


def test_divergence_raises_an_alert(tiny: list[str], train_here: TrainHere, tmp_path: Path) -> None:
    run = [*tiny, "optimizer=sgd", "optimizer.lr=1e9", "trainer.gradient_clip_val=null", "run_dir=run"]
    assert train_here([*run, "logger=wandb", "logger.wandb.mode=offline", "name=fast"]) == math.inf
    (file,) = (tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb")
    records = [*offline_records(file)]
    (alert,) = [r.alert for r in records if r.HasField("alert")]
    assert (alert.title, alert.level) == ("fast diverged", "WARN")
    assert [r.exit.exit_code for r in records if r.HasField("exit")] == [0]
    assert not any(
        entry.path.endswith(".ckpt")
        for r in records
        if r.HasField("artifact")
        for entry in r.artifact.manifest.contents
    )


@pytest.mark.fast
def test_a_picture_has_a_row_for_each_layer_and_long_maps_are_averaged_down() -> None:
    uniform = torch.full((2, 100, 100), 0.01)
    one = torch.zeros(2, 100, 100)
    one[:, :, 0] = 1.0
    picture = draw_maps([uniform, one], largest_side=50)
    assert picture.shape == (2 * 50 + GAP, 2 * 50 + GAP)
    assert (picture[:50, :50] == 255).all()  # each head is scaled to its own largest weight
    assert (picture[50 + GAP :, 0] == 255).all()
    assert (picture[50 + GAP :, 1:50] == 0).all()
    assert (picture[50 : 50 + GAP] == 255).all()
