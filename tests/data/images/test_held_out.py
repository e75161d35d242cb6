"""Held-out images that a source brings are checked before anything is trained."""

import numpy as np
import pytest

from tuneformer.data.images.base import LabelledImages, make_splits
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast


def images(*labels: int, side: int = 4) -> LabelledImages:
    drawn = np.random.default_rng(len(labels)).integers(256, size=(len(labels), side, side), dtype=np.uint8)
    return LabelledImages(drawn, np.array(labels))


def test_test_images_have_the_size_and_the_classes_of_training() -> None:
    train = images(*[0, 1, 2] * 20)
    assert make_splits({"train": train, "test": images(0, 2)}, held_out=0.2, shift=0).counts["test"] == 2
    with pytest.raises(UserError, match="the test images are 5 x 5, and those of training 4 x 4"):
        make_splits({"train": train, "test": images(0, side=5)}, held_out=0.2, shift=0)
    with pytest.raises(UserError, match="test has the classes 3, 7, of which training has no image"):
        make_splits({"train": train, "test": images(7, 0, 3)}, held_out=0.2, shift=0)
