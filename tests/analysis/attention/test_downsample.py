import numpy as np
import pytest

from tuneformer.analysis.attention.downsample import MOST_ROWS, block_means, shorten_axes
from tuneformer.analysis.attention.example import Axes, Example

pytestmark = pytest.mark.fast


def test_long_maps_become_means_of_blocks() -> None:
    maps = np.random.default_rng(0).random((2, 3 * MOST_ROWS - 1, 5)).astype(np.float32)
    means = block_means(maps)
    assert means.shape == (2, MOST_ROWS, 5)
    for block in (0, 7, MOST_ROWS - 1):
        expected = maps[:, 3 * block : 3 * block + 3].astype(np.float64).mean(axis=1)
        np.testing.assert_allclose(means[:, block], expected, rtol=1e-5)


def test_what_fits_stays_as_it_is() -> None:
    maps = np.random.default_rng(0).random((2, MOST_ROWS, MOST_ROWS)).astype(np.float32)
    np.testing.assert_array_equal(block_means(maps), maps)


def test_names_are_joined_and_it_is_said() -> None:
    names = tuple("ab" * MOST_ROWS)
    long = Axes(queries=names, keys=names, following=(*names[1:], ""))
    example, notes = shorten_axes(Example(axes={"decoder": long}))
    assert example.axes["decoder"].queries == ("ab",) * MOST_ROWS
    assert notes == ["decoder: maps are averaged over blocks of 2 queries and 2 keys, of 512 and 512"]
    assert shorten_axes(example)[1] == []
