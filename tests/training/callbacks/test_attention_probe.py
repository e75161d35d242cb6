"""What the probe writes down is what the checkpoint of that step does, on the examples it names."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import tuneformer
from tests.training.conftest import TrainHere
from tuneformer.models.attention.explicit import record_attention
from tuneformer.runs.metrics_file import read_rows
from tuneformer.runs.probe_files import ProbeSnapshot, keep_snapshot, read_snapshot, snapshots_in

WATCHED = ["callbacks=default", "callbacks.sample.n_tokens=2", "callbacks.attention_probe.examples=3"]


def test_maps_and_scores_are_those_of_the_last_checkpoint(
    tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    small = "model.initialization=gpt2"  # so that attention begins as good as even
    train_here([*tiny, *WATCHED, small, "run_dir=run", "trainer.val_check_interval=10"])
    run = tuneformer.load_run(tmp_path / "run")
    files = snapshots_in(run.path)
    assert [file.name for file in files] == [f"step_{step}.npz" for step in (0, 10, 20, 30)]
    last = read_snapshot(files[-1])
    tokens = torch.from_numpy(last.inputs[0])
    assert tokens.shape == (1, 16)
    with record_attention(run.model) as maps, torch.no_grad():
        run.model(tokens)
    (weights,) = [seen[0] for seen in maps.values()]
    assert torch.allclose(torch.as_tensor(last.weights["decoder", 0]), weights[0], atol=1e-6)
    assert last.normed["decoder", 0].shape == weights[0].shape
    (row,) = [row for row in read_rows(run.path / "metrics.csv") if row["step"] == 30 and "val/loss" in row]
    for measure, of_sites in last.heads.items():
        for head, score in enumerate(of_sites["decoder", 0]):
            assert row[f"attention/decoder.0.{head}/{measure}"] == pytest.approx(score, rel=1e-6)
    assert {"entropy", "importance", "prefix_matching", "previous_token"} <= last.heads.keys()
    assert read_snapshot(files[0]).heads["entropy"]["decoder", 0] == pytest.approx(1, abs=0.02)


def test_importance_is_what_closing_a_gate_by_a_little_does(
    tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    train_here([*tiny, *WATCHED, "run_dir=run", "callbacks.attention_probe.examples=1"])
    run = tuneformer.load_run(tmp_path / "run")
    last = read_snapshot(snapshots_in(run.path)[-1])
    tokens = torch.from_numpy(last.inputs[0])
    text = torch.from_numpy(np.fromfile(run.config["data"]["path"], dtype=np.uint8))
    windows = text.unfold(0, tokens.shape[1] + 1, 1).long()
    (following,) = {int(w[-1]) for w in windows[(windows[:, :-1] == tokens).all(dim=1)][:1]}
    targets = torch.cat([tokens[0, 1:], torch.tensor([following])])
    matrices = run.model.double().named_parameters()
    (output,) = [matrix for name, matrix in matrices if name.endswith("attention.output.weight")]
    size = output.shape[1] // last.weights["decoder", 0].shape[0]
    for head, score in enumerate(last.heads["importance"]["decoder", 0]):
        losses = []
        for change in (-1e-4, 1e-4):
            with torch.no_grad():
                kept = output.clone()
                output[:, head * size : (head + 1) * size] *= 1 + change
                losses.append(F.cross_entropy(run.model(tokens)[0], targets))
                output.copy_(kept)
        assert abs(float(losses[1] - losses[0])) / 2e-4 == pytest.approx(score, rel=1e-2, abs=1e-6)


@pytest.mark.fast
def test_snapshots_that_stay_cover_the_run_evenly(tmp_path: Path) -> None:
    for step in range(0, 1001, 10):
        weights = np.ones((1, 2, 2), dtype=np.float32)
        keep_snapshot(tmp_path, ProbeSnapshot(step=step, weights={("decoder", 0): weights}), at_most=6)
    steps = [read_snapshot(file).step for file in snapshots_in(tmp_path)]
    assert len(steps) == 6
    assert (steps[0], steps[-1]) == (0, 1000)
    assert max(np.diff(steps)) <= 400


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (["data=digits", "model=vit"], {"attention/encoder.0.0/entropy", "residual/encoder.0/rank_collapse"}),
        (
            ["data=recall", "data.n_validation=20", "data.n_test=20"],
            {"attention/decoder.0.0/importance", "attention/decoder.0.1/prefix_matching"},
        ),
    ],
)
def test_other_tasks_have_their_columns(
    chosen: list[str], expected: set[str], tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    kept = [s for s in tiny if not s.startswith(("data", "experiment"))]
    train_here(
        [*kept, *WATCHED, *chosen, "trainer.max_steps=4", "run_dir=run", "trainer.val_check_interval=4"]
    )
    columns = {name for row in read_rows(tmp_path / "run/metrics.csv") for name in row}
    assert expected <= columns
