"""Archives (.ckpt, .npz) that a user may have received: how much they unpack to is checked beforehand."""

import math
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

STORED_SLACK = 1 << 20
"""Bytes of names and padding beyond the content of an archive that is not packed."""
NUMBERS = "biuf"
"""The kinds of numpy's types that are numbers: booleans, integers with and without sign, floats."""
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def check_archive(path: Path) -> None:
    """Raises ValueError unless the file is a zip archive whose parts are stored as they are, as torch's are.

    So reading it takes no more memory than it has bytes.
    """
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
    if any(part.compress_type != zipfile.ZIP_STORED for part in parts):
        raise ValueError("its parts are packed, which those of a checkpoint never are")
    if sum(part.file_size for part in parts) > path.stat().st_size + STORED_SLACK:
        raise ValueError("its parts overlap")


def read_arrays(file: BinaryIO, *, at_most: int) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz by name: numbers only, of at most `at_most` bytes together.

    What each says of itself is read first, so that nothing larger is ever unpacked.

    Raises:
        ValueError: an array holds objects or text, they are larger, or one is not as large as it says; and
            whatever zipfile raises of a damaged archive.
    """
    with zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
        total = 0
        for part in parts:
            total += _stated_bytes(archive, part)
            if total > at_most:
                raise ValueError(f"its arrays have more than {at_most:,} bytes")
        arrays: dict[str, NDArray[Any]] = {}
        for part in parts:
            with archive.open(part) as opened:
                arrays[part.filename.removesuffix(".npy")] = np.lib.format.read_array(
                    opened, allow_pickle=False
                )
    return arrays


def _stated_bytes(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> int:
    with archive.open(part) as opened:
        version = np.lib.format.read_magic(opened)
        if version not in HEADERS:
            raise ValueError(f"{part.filename} is of version {version} of numpy's format")
        shape, _, dtype = HEADERS[version](opened)
        if dtype.kind not in NUMBERS or dtype.subdtype is not None:
            raise ValueError(f"{part.filename} holds {dtype}, not numbers")
        n_bytes = opened.tell() + math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or n_bytes != part.file_size:
        raise ValueError(f"{part.filename} has {part.file_size:,} bytes, and {n_bytes:,} by its header")
    return n_bytes
