"""A run in TensorBoard's event files, which has each step once however often the run is started again."""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from lightning_fabric.utilities.rank_zero import rank_zero_only
from pytorch_lightning.loggers import TensorBoardLogger

from tuneformer.config.plain import Config
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.files import write_whole
from tuneformer.runs.metrics_file import rows_upto
from tuneformer.training.loggers.open_step import OpenStep, RunLogger

HEADER, FOOTER = struct.Struct("<QI"), 4  # length and its checksum before an event, a checksum behind it


class TensorBoardRunLogger(RunLogger, TensorBoardLogger):
    """TensorBoard event files in <run>/tensorboard, numbered by steps done.

    A run that goes on behind `first_step` has each step once: what was logged beyond it is dropped, and what
    a kill kept from the disk is logged again from metrics.csv.
    """

    def __init__(self, *, directory: RunDirectory, run_config: Config, first_step: int) -> None:
        folder = directory.path / "tensorboard"
        goes_on = {"purge_step": first_step + 1} if folder.exists() or first_step else {}
        super().__init__(save_dir=directory.path, name="tensorboard", version="", **cast(Any, goes_on))
        self._open = OpenStep(self._write)
        if goes_on and rank_zero_only.rank == 0:  # pyright: ignore[reportFunctionMemberAccess]
            there = drop_later_events(folder, first_step=first_step)
            for step, row in rows_upto(directory.metrics_file, first_step):
                missing = {name: value for name, value in row.items() if (name, step) not in there}
                self.log_metrics(missing, step=step - 1)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self._open.add(metrics, step)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        self._open.log()
        super().finalize(status)

    def _write(self, step: int, values: dict[str, float]) -> None:
        super().log_metrics(values, step)


def drop_later_events(folder: Path, *, first_step: int) -> set[tuple[str, int]]:
    """Drops from every event file in `folder` what was logged beyond `first_step`; an event cut off goes too.

    Returns (tag, step) of what stays. The file of an attempt that was killed may lack rows: it is written
    every two minutes.
    """
    from tensorboard.compat.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]

    kept_tags: set[tuple[str, int]] = set()
    for file in sorted(folder.glob("events.out.tfevents.*")):
        content, kept = file.read_bytes(), list[bytes]()
        for whole, data in _events(content):
            event = Event.FromString(data)
            if event.HasField("summary") and event.step > first_step:
                continue
            kept.append(whole)
            kept_tags |= {(value.tag, event.step) for value in event.summary.value}
        joined = b"".join(kept)
        if joined != content:
            write_whole(file, lambda opened, joined=joined: opened.write(joined))
    return kept_tags


def _events(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position + HEADER.size <= len(content):
        length, _ = HEADER.unpack_from(content, position)
        end = position + HEADER.size + length + FOOTER
        if end > len(content):
            return
        yield content[position:end], content[position + HEADER.size : end - FOOTER]
        position = end
