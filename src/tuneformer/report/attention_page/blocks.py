"""Maps as text in a page: a byte for each weight that may be seen, deflated, in base64."""

import base64
import zlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

LEVELS = 255
Mask = NDArray[np.bool_]


class EncodedMaps(NamedTuple):
    """The maps of one attention module: weight = low + byte / 255 (high - low), of each head.

    `data`: base64 of the deflated bytes, of each head the cells that the mask allows, row by row. A weight is
    off by at most 1/255 of the largest of its map.
    """

    data: str
    low: list[float]
    high: list[float]


def encode(maps: NDArray[Any], mask: Mask | None) -> EncodedMaps:
    """Encode maps (head, query, key); what the mask (query, key) does not allow is 0 and left out."""
    values = np.nan_to_num(np.asarray(maps, dtype=np.float32))
    flat = values.reshape(len(values), -1) if mask is None else values[:, mask]
    low = np.minimum(flat.min(axis=1, initial=0.0), 0.0)
    high = np.maximum(flat.max(axis=1, initial=0.0), 0.0)
    span = np.where(high > low, high - low, 1.0).astype(np.float32)
    bytes_ = np.rint((flat - low[:, None]) / span[:, None] * LEVELS).astype(np.uint8)
    return EncodedMaps(data=deflated(bytes_.tobytes()), low=low.tolist(), high=high.tolist())


def decode(block: EncodedMaps, shape: tuple[int, ...], mask: Mask | None) -> NDArray[np.float32]:
    """The weights that a page shows, as it decodes them."""
    flat = np.frombuffer(zlib.decompress(base64.b64decode(block.data)), dtype=np.uint8)
    low, high = (np.array(x, dtype=np.float32)[:, None] for x in (block.low, block.high))
    seen = low + flat.reshape(shape[0], -1) / LEVELS * (high - low)
    maps = np.zeros(shape, dtype=np.float32)
    maps[:, np.ones(shape[1:], dtype=bool) if mask is None else mask] = seen
    return maps


def fitting_mask(maps: NDArray[Any], allowed: NDArray[Any] | None) -> Mask | None:
    """What any head may see, (query, key); None where all is seen, or something outside of it."""
    if allowed is None:
        return None
    by_head: Mask = np.asarray(allowed, dtype=bool).reshape(-1, *maps.shape[-2:])
    mask: Mask = np.logical_or.reduce(by_head, axis=0)
    return None if mask.all() or maps[:, ~mask].any() else mask


def deflated(content: bytes) -> str:
    """Base64 of the shorter of two: with matches, for regular maps, or by frequency alone, for noisy ones."""
    by_frequency = zlib.compressobj(level=6, strategy=zlib.Z_HUFFMAN_ONLY)
    packed = min(
        zlib.compress(content, level=6), by_frequency.compress(content) + by_frequency.flush(), key=len
    )
    return base64.b64encode(packed).decode("ascii")
