"""Standard output and standard error that nobody reads any more end nothing.

A pipe whose reader is gone, a terminal that was closed, a stream that was closed from the start (`>&-`),
a full disk under a log, a character that the terminal's encoding lacks: what is printed is lost, and the
program goes on.
"""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

STREAMS = ("stdout", "stderr")
GONE = (errno.EPIPE, errno.EIO, errno.EBADF, errno.ENXIO, errno.ECONNRESET)
"""What says that nobody will read this stream again; after a full disk there may be room once more."""


class UnfailingStream:
    """A text stream whose writes and flushes never raise for what is wrong with where they go."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes the text; what the encoding lacks is written as its number."""
        try:
            return self._stream.write(text)
        except UnicodeError:
            encoding = getattr(self._stream, "encoding", None) or "ascii"
            return self.write(text.encode(encoding, "backslashreplace").decode(encoding))
        except (OSError, ValueError) as error:  # ValueError: it has been closed
            self._lose(error)
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Writes each of the texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hands over what was written."""
        try:
            self._stream.flush()
        except (OSError, ValueError) as error:
            self._lose(error)

    def settle(self, *, for_good: bool) -> None:
        """Flushes. With `for_good` what cannot be written is dropped, so that Python's own flush succeeds."""
        self.flush()
        if for_good:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self._let_go()

    def _lose(self, error: OSError | ValueError) -> None:
        if isinstance(error, OSError) and error.errno in GONE:
            self._let_go()

    def _let_go(self) -> None:
        """Points the stream's descriptor at nothing, so that what it still holds can be flushed."""
        with suppress(OSError, ValueError, AttributeError):
            descriptor = self._stream.fileno()
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, descriptor)
            os.close(nothing)
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def unfailing(stream: TextIO) -> TextIO:
    """The stream, as one that does not fail."""
    return stream if isinstance(stream, UnfailingStream) else cast(TextIO, UnfailingStream(stream))


@contextmanager
def unfailing_output(*, until_exit: bool = False) -> Iterator[None]:
    """Within it sys.stdout and sys.stderr never fail; afterwards they are the streams that they were.

    With `until_exit` nothing but the end of the process follows, which is not to fail by them either.
    """
    before = {name: getattr(sys, name) for name in STREAMS}
    put_in = {
        name: UnfailingStream(stream if stream is not None else _nowhere())
        for name, stream in before.items()
        if not isinstance(stream, UnfailingStream)
    }
    for name, stream in put_in.items():
        setattr(sys, name, cast(TextIO, stream))
    try:
        yield
    finally:
        for name, stream in put_in.items():
            stream.settle(for_good=until_exit)
            if before[name] is None:
                stream.close()
            setattr(sys, name, before[name])


def open_closed_descriptors() -> None:
    """Opens descriptors 0, 1 and 2 on nothing where they are closed.

    The next file that is opened, a checkpoint or a lock, would get such a number, and what any library
    prints would end up in it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - it lives as long as the process
