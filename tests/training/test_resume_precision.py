"""A run resumes bit for bit in every precision, in that of a GPU alone where there is one."""

from pathlib import Path
from typing import Any

import pytest
import torch
from _pytest.mark import ParameterSet

from tests.training.conftest import TrainHere, assert_same_run, read_checkpoint
from tuneformer.training.callbacks.run_metrics import RunMetrics

PRECISIONS = ("32-true", "bf16-mixed", "bf16-true", "64-true", "16-mixed")
ON_A_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="16-mixed needs a GPU")
OPTIMIZERS = ("adamw", "lion", "muon")
SHORT = (("64-true", "adamw", 1), ("64-true", "lion", 2), ("64-true", "muon", 1), ("bf16-true", "adamw", 2))
FEW_STEPS = [
    "trainer.max_steps=6",
    "trainer.val_check_interval=3",
    "trainer.log_every_n_steps=2",
    "callbacks.checkpoints.every_n_steps=2",
    "model.dropout=0.1",
]


class Killed(BaseException):
    """What no handler of a run can tell from its end."""


def cases() -> list[ParameterSet]:
    """The short tests have the cases that were wrong once; the proof has all."""
    return [
        pytest.param(
            precision,
            optimizer,
            parts,
            marks=[
                *([] if (precision, optimizer, parts) in SHORT else [pytest.mark.proof]),
                *([ON_A_GPU] if precision == "16-mixed" else []),
            ],
        )
        for precision in PRECISIONS
        for optimizer in OPTIMIZERS
        for parts in (1, 2)
    ]


@pytest.mark.parametrize(("precision", "optimizer", "parts"), cases())
def test_resumed_run_equals_unbroken_run_in_every_precision(
    precision: str,
    optimizer: str,
    parts: int,
    tiny: list[str],
    train_here: TrainHere,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def die_at_the_fifth_step(_: RunMetrics, trainer: Any, *__: Any) -> None:
        if trainer.global_step == 4:
            raise Killed

    run = [*tiny, *FEW_STEPS, f"trainer.precision={precision}", f"optimizer={optimizer}"]
    run += [f"trainer.accumulate_grad_batches={parts}"]
    train_here([*run, "run_dir=unbroken"])
    with monkeypatch.context() as patch:
        patch.setattr(RunMetrics, "on_train_batch_start", die_at_the_fifth_step, raising=False)
        with pytest.raises(Killed):
            train_here([*run, "run_dir=killed"])
    assert read_checkpoint(tmp_path / "killed")["global_step"] == 4
    train_here([*run, "run_dir=killed"])
    assert_same_run(tmp_path / "unbroken", tmp_path / "killed")
