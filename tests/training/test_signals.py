"""A signal outside the steps of a run: wherever it arrives, the record says so and the run goes on later."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytorch_lightning import Trainer
from pytorch_lightning.loops.fit_loop import _FitLoop

from tests.training.conftest import TrainHere, assert_same_run
from tuneformer.runs.record import read_record
from tuneformer.training import run
from tuneformer.training.callbacks.checkpoints import Checkpoints

PLACES: dict[str, tuple[Any, str]] = {
    "as the beginning is shown": (run, "print_beginning"),
    "before anything is set up": (Trainer, "_run"),
    "as training begins": (Checkpoints, "on_train_start"),
    "before the first batch": (_FitLoop, "reset"),
    "as the last step is saved": (Checkpoints, "on_train_end"),
    "before the final test": (Trainer, "test"),
}


def strike(number: signal.Signals, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the process send itself the signal where `place` begins."""
    owner, name = PLACES[place]
    original: Callable[..., Any] = getattr(owner, name)

    def struck(*arguments: Any, **settings: Any) -> Any:
        signal.raise_signal(number)
        return original(*arguments, **settings)

    monkeypatch.setattr(owner, name, struck)


@pytest.mark.parametrize("place", PLACES)
def test_a_signal_is_recorded_wherever_it_arrives_and_the_run_goes_on(
    place: str,
    tiny: list[str],
    train_here: TrainHere,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    number = signal.SIGHUP if place == "before the first batch" else signal.SIGTERM
    settings = [*tiny, "trainer.max_steps=4", "trainer.val_check_interval=4"]
    with monkeypatch.context() as within:
        strike(number, place, within)
        with pytest.raises(SystemExit) as left:
            train_here([*settings, "run_dir=struck"])
    assert left.value.code == 128 + number
    record = read_record(tmp_path / "struck" / "record.json")
    steps = 4 if place in ("as the last step is saved", "before the final test") else 0
    assert (record.status, record.error) == (
        "interrupted",
        f"stopped by signal {number.value} at step {steps}",
    )
    assert [attempt["status"] for attempt in record.attempts] == ["interrupted"]
    train_here([*settings, "run_dir=struck"])
    train_here([*settings, "run_dir=unbroken"])
    assert_same_run(tmp_path / "unbroken", tmp_path / "struck")


def test_a_signal_that_arrives_as_the_result_is_written_waits_for_it(
    tiny: list[str], train_here: TrainHere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PLACES, "as the result is written", (run, "write_result"))
    strike(signal.SIGTERM, "as the result is written", monkeypatch)
    with pytest.raises(SystemExit, match="143"):
        train_here([*tiny, "trainer.max_steps=4", "trainer.val_check_interval=4", "run_dir=run"])
    assert read_record(tmp_path / "run" / "record.json").status == "finished"
