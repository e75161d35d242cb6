"""The lock of a run directory, which its process has as long as it lives: what is killed holds nothing."""

import fcntl
import os
import time
from pathlib import Path

from tuneformer.errors import UserError

PATIENCE_SECONDS = 1.0
SECONDS_BETWEEN_TRIES = 0.02


def lock(descriptor: int, *, place: str) -> bool:
    """Locks an open folder for this process; False where another one trains in it.

    It tries for a second: whoever asks `is_held` holds the folder for an instant too. `place`: the folder in
    words, as run_dir=...

    Raises:
        UserError: the file system knows no locks, so that nothing would keep two processes apart.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(SECONDS_BETWEEN_TRIES)
        except OSError as error:
            raise UserError(
                f"{place} cannot be held: its file system takes no locks: {error.strerror}"
            ) from error
        else:
            return True


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
    except OSError:  # where none can be taken, none is held
        return False
    finally:
        os.close(descriptor)
    return False
