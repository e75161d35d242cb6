"""What every option of images shares: settings, splits, and batches that are shifted by step."""

import hashlib
from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np

from tuneformer.config.ranges import Number, whole
from tuneformer.config.setting import Setting
from tuneformer.data.contract import SPLITS, PreparedData
from tuneformer.data.draws import philox, shuffled_rows
from tuneformer.data.examples.examples import (
    CLASS_METRICS,
    CLASSES_FILE,
    ExampleData,
    Examples,
    classes_to_json,
)
from tuneformer.data.settings import COUNT, FILLED_IN, HALF, CacheDir, Classes, check_follows
from tuneformer.data.task_facts import TaskFacts
from tuneformer.errors import UserError

IMAGE_CLASSIFICATION = TaskFacts(
    name="image_classification",
    done_by="tuneformer.tasks.classification.ImageClassification",
    metrics=CLASS_METRICS,
    inputs=("numbers",),
)
SHIFTS = 1 << 62  # added to the seed: shifts are drawn beside the order of the rows


class LabelledImages(NamedTuple):
    """Images, uint8 of shape (n, height, width), and the class of each, 0, 1, ..."""

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True, kw_only=True)
class ImageData(ExampleData["ImageSplits"]):
    """Grey images with classes.

    Where the source has no held-out images of its own, a share of `held_out` validates and as many test, by
    a hash of the image, so that equal images are in one split. Pixels are divided by the largest, then
    their mean over the training split is taken off and they are divided by their deviation. A
    training image is moved by up to `shift` pixels each way, the rest is filled with the background 0.

    Raises:
        UserError: a setting is not allowed.
    """

    tasks = (IMAGE_CLASSIFICATION,)

    image_size: Annotated[
        int | None,
        Setting("of a side", COUNT, unit="pixels", null=FILLED_IN, weights=False, from_data=True),
    ]
    n_channels: Annotated[
        int | None, Setting("of a pixel", COUNT, null=FILLED_IN, weights=False, from_data=True)
    ]
    n_classes: Classes
    held_out: Annotated[
        Number,
        Setting("share of the images that validates, and as much that tests; by a hash of the image", HALF),
    ]
    shift: Annotated[
        int, Setting("how far a training image is moved each way, at most", whole(0, 10**4), unit="pixels")
    ]
    cache_dir: CacheDir

    @abstractmethod
    def read(self) -> dict[str, LabelledImages]:
        """The images by split; without "test" or "validation" they are taken off "train"."""

    @property
    def unit(self) -> str:
        return "images"

    @property
    def units_per_step(self) -> int:
        return self.batch_size

    def prepare(self) -> "ImageSplits":
        prepared = make_splits(self.read(), held_out=self.held_out, shift=self.shift)
        check_follows(self, prepared.needs)
        return prepared


@dataclass(frozen=True, kw_only=True)
class ImageSplits(PreparedData):
    """Images by split, float32 of shape (n, 1, size, size), normalised, and their classes.

    Attributes:
        background: what a pixel of value 0 has become.
    """

    splits: dict[str, Examples]
    classes: list[str]
    background: float
    shift: int
    fingerprint: str
    notes: list[str]

    def split(self, name: str) -> Examples:
        return self.splits[name]

    def training_step(self, *, seed: int, step: int, batch_size: int) -> Examples:
        train = self.splits["train"]
        n_rows = len(train.targets)
        rows = shuffled_rows(seed=seed, step=step, n_rows=n_rows, batch_size=batch_size)
        images, labels = train.take(rows)
        if not self.shift:
            return Examples(images, labels)
        offsets = philox(seed + SHIFTS, step).integers(-self.shift, self.shift + 1, size=(batch_size, 2))
        return Examples(shifted(images, offsets, background=self.background), labels)

    @property
    def counts(self) -> dict[str, int | None]:
        return {name: len(examples.targets) for name, examples in self.splits.items()}

    @property
    def needs(self) -> dict[str, Any]:
        _, n_channels, size, _ = self.splits["train"].inputs.shape
        return {"image_size": size, "n_channels": n_channels, "n_classes": len(self.classes)}

    @property
    def description(self) -> str:
        size = self.needs["image_size"]
        n_images = len(self.splits["train"].targets)
        return f"{n_images:,} training images of {size} x {size} in {len(self.classes)} classes"

    @property
    def kept(self) -> dict[str, str]:
        return {CLASSES_FILE: classes_to_json(self.classes)}


def make_splits(found: dict[str, LabelledImages], *, held_out: float, shift: int) -> ImageSplits:
    """The splits of what a source gave, normalised.

    Raises:
        UserError: the images are not square, the source's own held-out images have another size or a class
            that no training image has, or a split would be empty.
    """
    height, width = found["train"].images.shape[1:]
    if height != width:
        raise UserError(f"data: the images are {height} x {width}, and must be square")
    _check_held_out(found)
    parts = _held_out(found, held_out)
    train = parts["train"].images
    largest = max(int(train.max(initial=0)), 1)
    mean, deviation = train.mean() / largest, max(float(train.std()) / largest, 1e-6)
    digest = hashlib.sha256()
    splits = {}
    for name in SPLITS:
        images, labels = parts[name]
        if not len(labels):
            raise UserError(f"data.held_out={held_out} leaves no image for {name}")
        digest.update(repr(images.shape).encode() + images.tobytes() + labels.astype(np.int64).tobytes())
        scaled = ((images / largest - mean) / deviation).astype(np.float32)
        splits[name] = Examples(scaled[:, None], labels.astype(np.int64))
    n_classes = 1 + max(int(part.labels.max()) for part in parts.values())
    return ImageSplits(
        splits=splits,
        classes=[str(number) for number in range(n_classes)],
        background=float(-mean / deviation),
        shift=shift,
        fingerprint=digest.hexdigest(),
        notes=[],
    )


def shifted(images: np.ndarray, offsets: np.ndarray, *, background: float) -> np.ndarray:
    """Each image (n, channel, size, size) moved down and right by its offset (n, 2), in pixels."""
    size = images.shape[-1]
    room = max(int(np.abs(offsets).max(initial=0)), 0)
    padded = np.pad(images, ((0, 0), (0, 0), (room, room), (room, room)), constant_values=background)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(2, 3))
    down, right = room - offsets[:, 0], room - offsets[:, 1]
    return np.ascontiguousarray(windows[np.arange(len(images)), :, down, right])


def _check_held_out(found: dict[str, LabelledImages]) -> None:
    train = found["train"]
    for name, part in found.items():
        if part.images.shape[1:] != train.images.shape[1:]:
            sizes = [" x ".join(map(str, images.shape[1:])) for images in (part.images, train.images)]
            raise UserError(f"data: the {name} images are {sizes[0]}, and those of training {sizes[1]}")
        if unseen := sorted({*part.labels.tolist()} - {*train.labels.tolist()}):
            listed = ", ".join(map(str, unseen[:5]))
            raise UserError(f"data: {name} has the classes {listed}, of which training has no image")


def _held_out(found: dict[str, LabelledImages], share: float) -> dict[str, LabelledImages]:
    parts = dict(found)
    missing = [name for name in ("validation", "test") if name not in found]
    images, labels = parts["train"]
    where = np.array([_unit_hash(image) for image in images])
    rest = np.ones(len(labels), dtype=bool)
    for number, name in enumerate(missing):
        taken = (where >= number * share) & (where < (number + 1) * share)
        parts[name] = LabelledImages(images[taken], labels[taken])
        rest &= ~taken
    parts["train"] = LabelledImages(images[rest], labels[rest])
    return parts


def _unit_hash(image: np.ndarray) -> float:
    digest = hashlib.sha256(np.ascontiguousarray(image).tobytes()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
