"""What a person sees while a run lasts."""

import fcntl
import os
import pty
import re
import runpy
import struct
import termios
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from tests.training.conftest import CHILD, Train
from tuneformer.training.callbacks.progress import _clock

SHOW_CURSOR, HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"


def test_without_a_terminal_there_is_a_line_for_each_validation(
    tiny: list[str], train_in_child: Train
) -> None:
    output = train_in_child([*tiny, "run_dir=run"]).output
    steps = re.findall(
        r"^step (\d+)/30  train \d+\.\d{3}  val \d+\.\d{3}  lr \d\.\d\de-\d\d  [\d,]+ tok/s"
        r"  \d:\d\d gone, \d:\d\d to go$",
        output,
        re.MULTILINE,
    )
    assert steps == ["10", "20", "30"]
    assert "\x1b" not in output


def test_without_a_terminal_lines_come_at_the_interval_asked_for(
    tiny: list[str], train_in_child: Train
) -> None:
    output = train_in_child([*tiny, "callbacks.progress.every_n_seconds=1e-9", "run_dir=run"]).output
    steps = re.findall(r"^step (\d+)/30 ", output, re.MULTILINE)
    assert sorted(set(map(int, steps))) == [*range(1, 31)]


def read_terminal(descriptor: int) -> Iterator[str]:
    """All that is written to a pseudo-terminal until it is closed (an OSError on Linux)."""
    with suppress(OSError):
        while chunk := os.read(descriptor, 65536):
            yield chunk.decode(errors="replace")


def on_a_terminal(
    server: ForkServerContext, overrides: list[str], folder: Path, *, columns: int
) -> tuple[int, str]:
    """The exit status of a run on a pseudo-terminal, and what it wrote there."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    given = {
        "arguments": overrides,
        "folder": str(folder),
        "terminal": os.ttyname(slave),
        "environment": dict(os.environ),
        "faults": [],
        "file_size": None,
        "from_step": 0,
    }
    child = server.Process(target=runpy.run_path, args=(str(CHILD), given))
    child.start()
    written: list[str] = []
    # a slave that stays open here keeps the output readable until the child is done
    os.set_blocking(master, False)
    while child.is_alive():
        child.join(0.05)
        written += read_terminal(master)
    os.close(slave)
    written += read_terminal(master)
    os.close(master)
    assert child.exitcode is not None
    return child.exitcode, "".join(written)


@pytest.mark.parametrize(("columns", "throughput"), [(80, False), (130, True)])
def test_on_a_terminal_a_bar_is_drawn_and_the_cursor_given_back(
    columns: int, throughput: bool, tiny: list[str], warm_server: ForkServerContext, tmp_path: Path
) -> None:
    status, written = on_a_terminal(warm_server, [*tiny, "run_dir=run"], tmp_path, columns=columns)
    assert status == 0
    assert "step 10/30" not in written
    assert written.count(HIDE_CURSOR) == written.count(SHOW_CURSOR) == 1
    last = re.sub(r"\x1b\[[0-9;]*m", "", written[: written.index(SHOW_CURSOR)]).rstrip().split("\r")[-1]
    assert "30/30" in last
    assert re.search(r"train \d\.\d{3}  val \d\.\d{3}  lr 2\.00e-04", last)
    assert ("tok/s" in last) is throughput
    assert "…" not in last


def test_on_a_terminal_a_run_that_ends_early_gives_the_cursor_back(
    tiny: list[str], warm_server: ForkServerContext, tmp_path: Path
) -> None:
    diverging = ["optimizer=sgd", "optimizer.lr=1e30", "scheduler=constant"]
    status, written = on_a_terminal(warm_server, [*tiny, *diverging, "run_dir=run"], tmp_path, columns=80)
    assert status == 0
    assert written.count(HIDE_CURSOR) == written.count(SHOW_CURSOR) == 1
    assert written.rindex("diverged") > written.rindex(SHOW_CURSOR)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.4, "0:00"), (59.6, "1:00"), (61.0, "1:01"), (3599.7, "1:00:00"), (7325, "2:02:05")],
)
def test_time_is_shown_as_on_a_clock(seconds: float, shown: str) -> None:
    assert _clock(seconds) == shown
