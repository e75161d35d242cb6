"""The lock of a run directory, which its process has as long as it lives: what is killed holds nothing."""

import fcntl
import os
from pathlib import Path


def is_held(folder: Path) -> bool:
    """Whether a process trains in the folder now."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
