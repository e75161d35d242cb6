"""A pretrained sentence encoder, fine-tuned, beats the same architecture from random weights."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from studies.minilm import minilm
from tests.training.conftest import TrainHere
from tuneformer.analysis.statistics.intervals import mean_interval, paired_difference
from tuneformer.runs.record import read_record

pytestmark = [pytest.mark.proof, pytest.mark.timeout(1800)]

Figures = Mapping[str, Any]

SEEDS = (0, 1, 2)
RATES = ("3e-4", "1e-3")
"""Of the optimizer, for both: each is reported at its best on validation."""
SHORT = (
    *("data=language_id", "data.languages=[cs,da,es,pl,pt,sv]", "data.context_length=16"),
    *("data.batch_size=16", "model=hf", "model.dropout=0.1", "logger=none", "callbacks=none"),
    *("callbacks.checkpoints.best_metric=null", "scheduler=cosine", "scheduler.warmup=0.1"),
    *("scheduler.floor=0", "trainer.max_steps=30", "trainer.val_check_interval=30", "trainer.threads=1"),
)


@pytest.fixture
def folder(cache_folder: Path) -> Path:
    """The files of the model."""
    return minilm(cache_folder / "models" / "minilm")


def test_it_beats_its_architecture_from_random_weights(
    folder: Path, train_here: TrainHere, tmp_path: Path
) -> None:
    def figures(start: str, rate: str, seed: int) -> Figures:
        run = f"{start.partition('=')[0]}-{rate}-{seed}"
        tokenizer = f"data.tokenizer={folder}"
        train_here([*SHORT, tokenizer, start, f"optimizer.lr={rate}", f"seed={seed}", f"run_dir={run}"])
        (tmp_path / run / "checkpoints" / "last.ckpt").unlink()  # a quarter of a gigabyte
        return read_record(tmp_path / run / "record.json").final

    def best(start: str) -> list[Figures]:
        rate = min(RATES, key=lambda rate: figures(start, rate, SEEDS[0])["val/loss"])
        return [figures(start, rate, seed + 1) for seed in SEEDS]

    pretrained, drawn = best(f"model.path={folder}"), best(f"model.config={folder}/config.json")
    for metric, sign in (("test/loss", -1), ("test/accuracy", 1)):
        tuned, fresh = values(pretrained, metric), values(drawn, metric)
        gain = paired_difference(tuned, fresh)
        told = f"{metric}: {shown(tuned)} pretrained, {shown(fresh)} from random weights, gain"
        print(f"{told} {gain.mean:.4f} ± {gain.half_width:.4f}")
        assert gain.excludes_zero
        assert gain.mean * sign > 0


def values(runs: Sequence[Figures], metric: str) -> list[float]:
    return [run[metric] for run in runs]


def shown(found: Sequence[float]) -> str:
    estimate = mean_interval(found)
    return f"{estimate.mean:.4f} ± {estimate.half_width:.4f}"
