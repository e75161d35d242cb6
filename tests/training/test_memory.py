"""What record.json says of memory."""

from pathlib import Path

from tests.training.conftest import Train, TrainHere
from tuneformer.runs.record import read_record

MIB = 2**20


def test_a_process_of_its_own_is_said_to_be_one(
    tiny: list[str], train_in_child: Train, train_here: TrainHere, tmp_path: Path
) -> None:
    train_in_child([*tiny, "optimizer=sgd", "run_dir=alone"])
    alone = read_record(tmp_path / "alone" / "record.json")
    assert alone.peak_bytes is not None
    assert 100 * MIB < alone.peak_bytes < 4096 * MIB  # torch alone takes over 100 MiB

    for run_dir in ("first", "second"):
        train_here([*tiny, "optimizer=adamw", f"run_dir={run_dir}"])
    second = read_record(tmp_path / "second" / "record.json")
    assert second.peak_bytes is None
    moments = 2 * 4 * second.model["parameters"]
    assert moments <= second.optimizer_state_bytes < 1.05 * moments
    assert alone.optimizer_state_bytes < 0.55 * moments  # momentum alone
