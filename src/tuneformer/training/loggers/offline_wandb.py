"""What earlier attempts at a run have written into W&B's offline files."""

import json
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

BLOCK, HEADER, FILE_HEADER = 32768, struct.Struct("<IHB"), 7  # LevelDB's log behind W&B's own header
FULL, FIRST, LAST = 1, 2, 4


def last_offline_step(files: Sequence[Path], axis: str) -> int:
    """The largest value of `axis` in the offline files of a run; 0 where there is none."""
    from wandb.proto.wandb_internal_pb2 import Record  # pyright: ignore[reportAttributeAccessIssue]

    largest = 0
    for file in files:
        for data in _records(file.read_bytes()):
            record = Record.FromString(data)
            if not record.HasField("history"):
                continue
            for item in record.history.item:
                if (item.key or "/".join(item.nested_key)) == axis:
                    largest = max(largest, int(json.loads(item.value_json)))
    return largest


def _records(content: bytes) -> Iterator[bytes]:
    """The records that are whole; the end of the file of an attempt that was killed may not be."""
    position, parts = FILE_HEADER, b""
    while position + HEADER.size <= len(content):
        if BLOCK - position % BLOCK < HEADER.size:
            position += BLOCK - position % BLOCK
            continue
        _, length, kind = HEADER.unpack_from(content, position)
        position += HEADER.size
        if position + length > len(content) or not kind:
            return
        parts = (b"" if kind in (FULL, FIRST) else parts) + content[position : position + length]
        position += length
        if kind in (FULL, LAST):
            yield parts
