"""SIGTERM and SIGHUP as an exception: a run records how it ended, a sweep waits for its jobs' checkpoints.

A terminal that is closed and a cluster that cancels a job send them to every process at once.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def signals_as_exit() -> Iterator[None]:
    """Within it a signal raises SystemExit with 128 + its number; one that is ignored (nohup) stays so.

    A second SIGTERM acts as it always did, and a second SIGHUP is ignored: a closing terminal sends two.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    heard = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    try:
        for number in heard:
            signal.signal(number, _leave)
    except ValueError:  # not the main thread
        heard = []
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])


@contextmanager
def signals_wait() -> Iterator[None]:
    """Within it a signal, Ctrl-C among them, is only noted; it acts once the block is over."""
    noted: list[int] = []
    heard = [n for n in (*SIGNALS, signal.SIGINT) if signal.getsignal(n) is not signal.SIG_IGN]
    before = dict[int, Any]()
    try:
        for number in heard:
            before[number] = signal.signal(number, lambda received, _: noted.append(received))
    except ValueError:  # not the main thread
        pass
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for number in noted[:1]:
        signal.raise_signal(number)


def signal_of_exit(error: SystemExit) -> int | None:
    """The signal that such an exit stands for, None where it is another exit."""
    number = error.code - 128 if isinstance(error.code, int) else None
    return number if number in SIGNALS else None


def outlive_signals() -> None:
    """For the process that jobs are forked from: were it gone, its jobs could not be waited for."""
    for number in SIGNALS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _stay)


def hear_signals() -> None:
    """For a job that was forked from it: the signals act as they always did; SIGHUP stays ignored (nohup)."""
    for number in SIGNALS:
        if signal.getsignal(number) is _stay:
            signal.signal(number, signal.SIG_DFL)


def _leave(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN if number == signal.SIGHUP else signal.SIG_DFL)
    raise SystemExit(128 + number)


def _stay(number: int, frame: FrameType | None) -> None:
    """The launcher tells its jobs."""
