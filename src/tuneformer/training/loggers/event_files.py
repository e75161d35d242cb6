"""TensorBoard's event files of a run that goes on: each step once."""

import struct
from collections.abc import Iterator
from pathlib import Path

from tuneformer.runs.files import write_whole

HEADER, FOOTER = struct.Struct("<QI"), 4  # length and its checksum before an event, a checksum behind it


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
