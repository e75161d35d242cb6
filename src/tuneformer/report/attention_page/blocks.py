"""Maps as text in a page: a byte for each weight, deflated, in base64."""

import base64
import zlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

LEVELS = 255


class Block(NamedTuple):
    """The maps of one attention module: weight = low + byte / 255 (high - low), of each head.

    `data`: base64 of the deflated bytes (head, query, key). A weight is off by at most 1/255 of the largest
    of its map.
    """

    data: str
    low: list[float]
    high: list[float]


def encode(maps: NDArray[Any]) -> Block:
    """Encode maps (head, query, key)."""
    values = np.nan_to_num(np.asarray(maps, dtype=np.float32))
    flat = values.reshape(len(values), -1)
    low = np.minimum(flat.min(axis=1, initial=0.0), 0.0)
    high = np.maximum(flat.max(axis=1, initial=0.0), 0.0)
    span = np.where(high > low, high - low, 1.0).astype(np.float32)
    bytes_ = np.rint((flat - low[:, None]) / span[:, None] * LEVELS).astype(np.uint8)
    data = base64.b64encode(zlib.compress(bytes_.tobytes(), level=9)).decode("ascii")
    return Block(data=data, low=low.tolist(), high=high.tolist())


def decode(block: Block, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The weights that a page shows, as it decodes them."""
    flat = np.frombuffer(zlib.decompress(base64.b64decode(block.data)), dtype=np.uint8).reshape(shape)
    low, high = (np.array(x, dtype=np.float32)[:, None, None] for x in (block.low, block.high))
    return (low + flat / LEVELS * (high - low)).astype(np.float32)
