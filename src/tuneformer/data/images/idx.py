"""IDX files, in which MNIST, Fashion-MNIST and their kin are kept."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from tuneformer.errors import UserError
from tuneformer.runs.regular_file import open_regular

UNSIGNED_BYTE = 8
AT_MOST_BYTES = 1 << 33
"""Unpacked: 10 million images of MNIST's size."""


def read_idx(path: Path, *, n_dimensions: int) -> np.ndarray:
    """The unsigned bytes of an IDX file, packed by gzip or not, in the shape that its header says.

    A header is 0, 0, 8 (unsigned bytes), the number of dimensions, and the size of each as a big-endian
    32-bit number (the format's page, yann.lecun.com/exdb/mnist).

    Raises:
        UserError: it cannot be read, or its magic number or its length is not what it must be.
    """
    content = _read(path)
    magic = bytes((0, 0, UNSIGNED_BYTE, n_dimensions))
    if content[:4] != magic:
        raise UserError(
            f"data.path={path} begins with {content[:4].hex() or 'nothing'}, not with the magic number"
            f" {magic.hex()} of an IDX file of unsigned bytes in {n_dimensions} dimensions"
        )
    start = 4 + 4 * n_dimensions
    if len(content) < start:
        raise UserError(f"data.path={path} ends within its header: it has {len(content)} bytes of {start}")
    shape = struct.unpack(f">{n_dimensions}I", content[4:start])
    n_bytes = start + math.prod(shape)
    if len(content) != n_bytes:
        raise UserError(
            f"data.path={path} has {len(content):,} bytes, but {n_bytes:,} by its header"
            f" ({' x '.join(map(str, shape))})"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def _read(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            if path.suffix != ".gz":
                return file.read()
            with gzip.open(file) as unpacked:
                content = unpacked.read(AT_MOST_BYTES + 1)
        if len(content) > AT_MOST_BYTES:
            raise OSError(f"it unpacks to more than {AT_MOST_BYTES:,} bytes")
        return content
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"data.path={path} cannot be read: {error}") from None
