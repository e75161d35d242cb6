"""Pages of a memory map."""

import mmap

import numpy as np


def give_back_pages(tokens: np.memmap) -> None:
    """Unmap what has been read so far; the system's cache keeps it for the next reading.

    Otherwise a process grows to the size of the corpus as it reads more and more of it.
    """
    mapping: mmap.mmap | None = getattr(tokens, "_mmap", None)
    if mapping is not None and hasattr(mapping, "madvise"):
        mapping.madvise(mmap.MADV_DONTNEED)
