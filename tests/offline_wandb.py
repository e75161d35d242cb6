"""What an offline W&B run has written."""

import json
import struct
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record  # pyright: ignore[reportAttributeAccessIssue]

BLOCK = 32768
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


SECONDS_TO_WRITE = 60.0


def offline_records(file: Path) -> list[Record]:
    """The records of a finished run's .wandb file; W&B's own process may still be writing them."""
    until = time.monotonic() + SECONDS_TO_WRITE
    while True:
        records = [*whole_records(file.read_bytes())]
        if any(record.HasField("exit") for record in records):
            return records
        assert time.monotonic() < until, f"{file} has no end, but {len(records)} records"
        time.sleep(0.2)


def whole_records(content: bytes) -> Iterator[Record]:
    """LevelDB's log format behind a header of 7 bytes; of a file that is being written what is whole."""
    if not content.startswith(b":W&B"):
        return
    position, parts = 7, b""
    while position + 7 <= len(content):
        if BLOCK - position % BLOCK < 7:
            position += BLOCK - position % BLOCK
            continue
        _, length, kind = struct.unpack_from("<IHB", content, position)
        position += 7
        if position + length > len(content):
            return
        parts = (b"" if kind in (FULL, FIRST) else parts) + content[position : position + length]
        position += length
        if kind in (FULL, LAST):
            yield Record.FromString(parts)


def history(records: list[Record]) -> dict[float, dict[str, float]]:
    """The numbers that were logged, by step; of one step what came last."""
    rows: dict[float, dict[str, float]] = {}
    for record in records:
        if record.HasField("history"):
            items = {tuple(item.nested_key) or (item.key,): item.value_json for item in record.history.item}
            row = {
                name[0]: float(json.loads(value))
                for name, value in items.items()
                if len(name) == 1 and not name[0].startswith("_")
            }
            rows.setdefault(row["trainer/step"], {}).update(row)
    return rows


def pictures(records: Sequence[Record]) -> dict[str, list[tuple[float, str]]]:
    """The pictures that were logged, by key: step and file."""
    found: dict[str, list[tuple[float, str]]] = {}
    for record in records:
        if not record.HasField("history"):
            continue
        items = {tuple(item.nested_key) or (item.key,): item.value_json for item in record.history.item}
        for name, value in items.items():
            if len(name) == 2 and name[1] == "path":
                found.setdefault(name[0], []).append((float(items[("trainer/step",)]), json.loads(value)))
    return found


def summary(records: Sequence[Record]) -> dict[str, Any]:
    """The summary at the end of the run, nested keys joined by a dot."""
    found: dict[str, Any] = {}
    for record in records:
        if record.HasField("summary"):
            for item in record.summary.update:
                found[".".join(item.nested_key) or item.key] = json.loads(item.value_json)
    return found
