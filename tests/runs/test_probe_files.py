"""Snapshots of attention: what is written is read, and what is damaged is named."""

from pathlib import Path

import numpy as np
import pytest

from tuneformer.errors import UserError
from tuneformer.runs.probe_files import ProbeSnapshot, read_snapshot, snapshots_in, write_snapshot

pytestmark = pytest.mark.fast

RANDOM = np.random.default_rng(0)
WEIGHTS = RANDOM.normal(size=(2, 3, 4)).astype(np.float32)


def snapshot(step: int) -> ProbeSnapshot:
    return ProbeSnapshot(
        step=step,
        weights={("decoder", 0): WEIGHTS, ("cross", 11): -WEIGHTS},
        normed={("decoder", 0): abs(WEIGHTS)},
        allowed={("decoder", 0): WEIGHTS[0] > 0, ("cross", 11): WEIGHTS > 0},
        inputs={0: np.array([[3, 1, 2]]), 2: np.ones((1, 3), dtype=bool)},
        heads={"entropy": {("decoder", 0): np.array([0.5, np.nan])}},
        streams={"norm": {"decoder": np.array([1.0, 2.0])}},
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    read = read_snapshot(write_snapshot(tmp_path, snapshot(20)))
    assert read.step == 20
    assert read.weights.keys() == {("decoder", 0), ("cross", 11)}
    np.testing.assert_array_equal(read.weights["decoder", 0], WEIGHTS)
    np.testing.assert_array_equal(read.normed["decoder", 0], abs(WEIGHTS))
    np.testing.assert_array_equal(read.allowed["decoder", 0], WEIGHTS[0] > 0)
    np.testing.assert_array_equal(read.allowed["cross", 11], WEIGHTS > 0)
    assert read.inputs.keys() == {0, 2}
    assert read.inputs[0].dtype == np.int64
    assert read.inputs[2].dtype == np.bool_
    np.testing.assert_array_equal(
        read.heads["entropy"]["decoder", 0], np.array([0.5, np.nan], dtype=np.float32)
    )
    np.testing.assert_array_equal(read.streams["norm"]["decoder"], [1, 2])


def test_snapshots_are_in_the_order_of_steps(tmp_path: Path) -> None:
    for step in (100, 0, 20):
        write_snapshot(tmp_path, snapshot(step))
    (tmp_path / "probes" / "step_last.npz").touch()
    assert [file.name for file in snapshots_in(tmp_path)] == ["step_0.npz", "step_20.npz", "step_100.npz"]
    assert snapshots_in(tmp_path / "other") == []


def test_a_cut_file_is_named_in_one_line(tmp_path: Path) -> None:
    file = write_snapshot(tmp_path, snapshot(20))
    whole = file.read_bytes()
    for cut in (b"", whole[:100], whole[:-30], whole.replace(whole[60:80], b"x" * 20)):
        file.write_bytes(cut)
        with pytest.raises(UserError, match=r"step_20\.npz is damaged: ") as error:
            read_snapshot(file)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "arrays",
    [
        {"heads/entropy/decoder.0": np.zeros(2)},
        {"weights/decoder.0": np.zeros((2, 3))},
        {"weights/decoder.0": WEIGHTS, "normed/decoder.0": WEIGHTS[:, 1:]},
        {"weights/decoder.0": WEIGHTS, "heads/entropy/decoder.0": np.zeros(3)},
        {"weights/decoder.0": WEIGHTS, "allowed/decoder.1": WEIGHTS > 0},
        {"weights/decoder": WEIGHTS},
        {"weights/decoder.0": WEIGHTS, "colours": np.zeros(2)},
        {"weights/decoder.0": np.array([{}], dtype=object)},
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    file = tmp_path / "step_1.npz"
    with file.open("wb") as out:
        np.savez(out, **arrays)  # pyright: ignore[reportArgumentType]
    with pytest.raises(UserError, match="is damaged"):
        read_snapshot(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        read_snapshot(tmp_path / "step_1.npz")
