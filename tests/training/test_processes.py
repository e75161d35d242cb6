"""What a run leaves behind in the process that it ran in: nothing."""

import logging
import os
import signal
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.conftest import TrainHere, repeatable_rows
from tuneformer.errors import UserError
from tuneformer.runs.record import read_record
from tuneformer.tasks.language_modelling import LanguageModelling


def process_state() -> dict[str, Any]:
    """All that a run could change of its process."""
    names = ("pytorch_lightning", "lightning_fabric")
    return {
        "environment": dict(os.environ),
        "arguments": list(sys.argv),
        "spec of main": sys.modules["__main__"].__spec__,
        "folder": Path.cwd(),
        "threads": torch.get_num_threads(),
        "precision": torch.get_float32_matmul_precision(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "dtype": torch.get_default_dtype(),
        "gradients": torch.is_grad_enabled(),
        "handlers": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "warnings": list(warnings.filters),
        "levels": {name: logging.getLogger(name).level for name in names},
        "group": torch.distributed.is_initialized(),
        "children": [thread.name for thread in threading.enumerate() if "child" in thread.name],
    }


CHANGING = [
    "trainer.max_steps=5",
    "trainer.threads=2",
    "trainer.float32_matmul_precision=medium",
    "trainer.deterministic=true",
    "trainer.precision=64-true",
]


def test_a_run_leaves_its_process_as_it_was(tiny: list[str], train_here: TrainHere) -> None:
    before = process_state()
    train_here([*tiny, *CHANGING, "run_dir=run"])
    assert process_state() == before


def test_a_failed_run_leaves_its_process_as_it_was(
    tiny: list[str], train_here: TrainHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(LanguageModelling, "test_step", fail)
    before = process_state()
    with pytest.raises(RuntimeError, match="planted"):
        train_here([*tiny, *CHANGING, "run_dir=run"])
    assert process_state() == before


def test_a_refused_run_leaves_its_process_as_it_was(
    tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    before = process_state()
    with pytest.raises(UserError):
        train_here([*tiny, *CHANGING, "trainer.accelerator=gpu", "run_dir=run"])
    assert process_state() == before
    assert not (tmp_path / "run").exists()


def test_two_processes_from_python_leave_the_first_one_as_it_was(
    tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    before = process_state()
    train_here([*tiny, "trainer=ddp", "run_dir=two"])
    after = process_state()
    # Lightning's observer of the other process sleeps for up to five seconds before it sees that it is done
    observers = [thread for thread in threading.enumerate() if thread.name == "child-process-observer"]
    for thread in observers:
        thread.join(20)
    assert {**after, "children": []} == before
    assert not any(thread.is_alive() for thread in observers)

    train_here([*tiny, "run_dir=one"])
    for a, b in zip(repeatable_rows(tmp_path / "one"), repeatable_rows(tmp_path / "two"), strict=True):
        assert a == pytest.approx(b, rel=1e-4)


def test_threads_are_those_asked_for_while_the_run_lasts(
    tiny: list[str], train_here: TrainHere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[int] = set()
    loss = LanguageModelling.loss

    def observe(self: LanguageModelling, batch: Any) -> torch.Tensor:
        seen.add(torch.get_num_threads())
        return loss(self, batch)

    monkeypatch.setattr(LanguageModelling, "loss", observe)
    train_here([*tiny, "trainer.max_steps=5", "trainer.threads=2", "run_dir=run"])
    assert seen == {2}
    assert read_record(tmp_path / "run" / "record.json").hardware["threads"] == 2


def test_the_second_of_two_runs_in_a_process_is_the_one_that_it_would_be_alone(
    tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    run = [*tiny, "model.dropout=0.1"]
    train_here([*run, "run_dir=first"])
    train_here([*run, *CHANGING, "run_dir=between"])
    train_here([*run, "run_dir=second"])
    assert repeatable_rows(tmp_path / "first") == repeatable_rows(tmp_path / "second")
