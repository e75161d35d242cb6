"""Output that cannot be written ends nothing."""

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO, cast

import pytest

from tuneformer.process.terminal import say
from tuneformer.process.unfailing_output import UnfailingStream, unfailing_output
from tuneformer.runs.record import read_record

ROOT = Path(__file__).parents[2]
Streams = Callable[[], TextIO]


def without_reader() -> TextIO:
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w")


def closed() -> TextIO:
    stream = io.StringIO()
    stream.close()
    return stream


def on_a_full_disk() -> TextIO:
    return Path("/dev/full").open("w")


def closed_below() -> TextIO:
    stream = without_reader()
    os.close(stream.fileno())
    return stream


def into_a_full_pipe() -> TextIO:
    _, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, bytes(65536))
    return os.fdopen(writer, "w")


LOST = [without_reader, closed, on_a_full_disk, closed_below, into_a_full_pipe]


@pytest.fixture
def both() -> Iterator[Callable[[TextIO | None], None]]:
    """both(stream) makes it standard output and standard error."""
    before = sys.stdout, sys.stderr

    def put(stream: TextIO | None) -> None:
        sys.stdout = sys.stderr = cast(TextIO, stream)

    yield put
    sys.stdout, sys.stderr = before


@pytest.mark.fast
@pytest.mark.parametrize("lost", LOST)
def test_what_cannot_be_written_is_lost_and_python_can_flush_at_its_exit(
    lost: Streams, both: Callable[[TextIO | None], None]
) -> None:
    stream = lost()
    both(stream)
    with unfailing_output(until_exit=True):
        for _ in range(3):
            print("a result", flush=True)
            say("a word")
            sys.stderr.writelines(["one\n", "two\n"])
    assert sys.stdout is sys.stderr is stream
    if not stream.closed:
        stream.flush()
        stream.close()


@pytest.mark.fast
def test_streams_that_were_closed_from_the_start_are_none(both: Callable[[TextIO | None], None]) -> None:
    both(None)
    say("a word")
    with unfailing_output():
        print("a result", flush=True)
        print("a word", file=sys.stderr)
    assert sys.stdout is None
    assert sys.stderr is None


@pytest.mark.fast
def test_a_word_never_lands_in_the_result(both: Callable[[TextIO | None], None]) -> None:
    sys.stdout = results = io.StringIO()
    sys.stderr = cast(Any, None)
    say("a word")
    assert results.getvalue() == ""


@pytest.mark.fast
def test_what_can_be_written_is_written_and_what_the_encoding_lacks_as_its_number(
    both: Callable[[TextIO | None], None],
) -> None:
    kept = io.BytesIO()
    both(io.TextIOWrapper(kept, encoding="ascii"))
    with unfailing_output(), unfailing_output():
        assert isinstance(sys.stdout, UnfailingStream)
        print("größer \udc80", flush=True)
    assert kept.getvalue() == rb"gr\xf6\xdfer \udc80" + b"\n"


def test_a_run_whose_output_nobody_reads_is_whole_and_ends_with_status_0(
    small_settings: list[str], tmp_path: Path
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    watched = [one for one in small_settings if not one.startswith(("logger", "callbacks"))]
    run = [*watched, "callbacks.sample.n_tokens=3", "run_dir=run", "name='[/b]'"]
    # no standard error at all, and a standard output without a reader
    line = ["sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, str(ROOT / "train.py"), *run]
    ended = subprocess.run(line, stdout=writer, cwd=tmp_path, timeout=200, check=False)
    os.close(writer)
    assert ended.returncode == 0
    assert read_record(tmp_path / "run/record.json").status == "finished"
    left = {file.name for file in (tmp_path / "run").iterdir()}
    assert left >= {"checkpoints", "config.yaml", "metrics.csv", "record.json", "sample.txt", "wandb"}
