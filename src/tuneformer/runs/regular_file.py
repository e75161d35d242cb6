"""Opening files that were named by a user or received from one: regular files only."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}


def check_regular(path: Path) -> os.stat_result:
    """The file's status, if it is a regular file, or a link to one.

    Raises:
        OSError: it is missing, or it is a pipe, a device, a socket or a folder, which could be read for
            ever; `strerror` says so.
    """
    try:
        found = path.stat()
    except ValueError:  # a NUL in the name
        raise OSError(errno.EINVAL, "no file has such a name", str(path)) from None
    _check_kind(found, path)
    return found


def open_regular(path: Path) -> BinaryIO:
    """The file, open for reading.

    Raises:
        OSError: as in `check_regular`, or it cannot be opened.
    """
    check_regular(path)
    # without O_NONBLOCK the opening itself would wait, if a pipe took the file's place just now
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _check_kind(os.fstat(descriptor), path)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: Path, *, at_most: int) -> bytes:
    """The content of a regular file of at most `at_most` bytes; OSError otherwise."""
    with open_regular(path) as file:
        # room is made for all that is asked for, so not for more than the file has
        content = file.read(min(os.fstat(file.fileno()).st_size, at_most) + 1)
    if len(content) > at_most:
        raise OSError(errno.EFBIG, f"it is larger than {at_most:,} bytes", str(path))
    return content


def _check_kind(found: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = KINDS.get(stat.S_IFMT(found.st_mode), "something else")
        raise OSError(errno.EINVAL, f"it is {kind}, not a regular file", str(path))
