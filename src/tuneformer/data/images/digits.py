"""The 8x8 handwritten digits of scikit-learn, from its PyPI package."""

import gzip
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tuneformer.data.images.base import ImageData, LabelledImages
from tuneformer.data.wheels import Wheel

WHEEL = Wheel(
    requirement="scikit-learn==1.7.2",
    file_name="scikit_learn-1.7.2-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
    sha256="89877e19a80c7b11a2891a27c21c4894fb18e2c2e077815bcade10d34287b20d",
    for_option="data=digits",
    instead="data=idx data.path=FOLDER needs no network",
    # one of its files on every machine: nothing of it is run
    pip_options=("--platform", "manylinux2014_x86_64", "--python-version", "3.11", "--implementation", "cp"),
)
MEMBER = "sklearn/datasets/data/digits.csv.gz"


@dataclass(frozen=True, kw_only=True)
class Digits(ImageData):
    """1,797 digits of 8 x 8 pixels from 0 to 16 (UCI, test set of Alpaydin and Kaynak 1998; BSD licence)."""

    def read(self) -> dict[str, LabelledImages]:
        wheel = WHEEL.fetch(Path(self.cache_dir).expanduser())
        return {"train": read_csv(wheel, MEMBER, size=8)}


def read_csv(wheel: Path, member: str, *, size: int) -> LabelledImages:
    """The rows of a packed CSV file in a wheel: the pixels of an image, then its class."""
    with zipfile.ZipFile(wheel) as archive:
        content = gzip.decompress(archive.read(member))
    rows = np.loadtxt(io.BytesIO(content), delimiter=",", dtype=np.float32).astype(np.uint8)
    return LabelledImages(rows[:, :-1].reshape(-1, size, size), rows[:, -1])
