"""Any images in IDX files: MNIST, Fashion-MNIST, and their like."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tuneformer.config.setting import Setting
from tuneformer.data.images.base import ImageData, LabelledImages
from tuneformer.data.images.idx import read_idx
from tuneformer.errors import UserError

PARTS = {"train": "train", "test": "t10k"}
ENDINGS = ("", ".gz")


@dataclass(frozen=True, kw_only=True)
class IdxFolder(ImageData):
    """A folder with train-images-idx3-ubyte, train-labels-idx1-ubyte, and the same of t10k, perhaps with .gz.

    The t10k files test; without them test is taken off the training images as validation is.

    Raises:
        UserError: a file is missing or damaged, or there are not as many labels as images.
    """

    path: Annotated[
        str,
        Setting(
            "a folder with train-images-idx3-ubyte, train-labels-idx1-ubyte and perhaps the same of t10k;"
            " .gz or not",
            weights=False,
        ),
    ]

    def read(self) -> dict[str, LabelledImages]:
        folder = Path(self.path).expanduser()
        if not folder.is_dir():
            raise UserError(f"data.path={folder} is not a folder: give one with IDX files")
        found = {split: _read_part(folder, stem) for split, stem in PARTS.items()}
        return {split: part for split, part in found.items() if part is not None}


def _read_part(folder: Path, stem: str) -> LabelledImages | None:
    images = _find(folder, f"{stem}-images-idx3-ubyte")
    labels = _find(folder, f"{stem}-labels-idx1-ubyte")
    if images is None and labels is None and stem != PARTS["train"]:
        return None
    for path, name in ((images, "images-idx3"), (labels, "labels-idx1")):
        if path is None:
            raise UserError(f"data.path={folder} has no {stem}-{name}-ubyte, packed (.gz) or not")
    assert images is not None
    assert labels is not None
    part = LabelledImages(read_idx(images, n_dimensions=3), read_idx(labels, n_dimensions=1))
    if len(part.images) != len(part.labels):
        raise UserError(
            f"data.path={folder} has {len(part.images):,} images in {images.name},"
            f" but {len(part.labels):,} labels in {labels.name}"
        )
    return part


def _find(folder: Path, name: str) -> Path | None:
    return next((folder / f"{name}{end}" for end in ENDINGS if (folder / f"{name}{end}").is_file()), None)
