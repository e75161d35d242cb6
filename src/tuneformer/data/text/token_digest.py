"""What a file of tokens holds, by every token in it: told once for each file and each change of it."""

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tuneformer.errors import UserError
from tuneformer.runs.files import write_text
from tuneformer.runs.plain_files import read_json
from tuneformer.runs.regular_file import check_regular, open_regular

REMEMBERED = ".digests.json"
BLOCK_BYTES = 1 << 22


class TokenDigest(NamedTuple):
    """SHA-256 over a whole file, and the largest token in it (-1: it is empty)."""

    sha256: str
    largest: int


def digest_of(path: Path, *, dtype: str) -> TokenDigest:
    """The digest of a file of numbers of type `dtype`.

    It is remembered beside the file, under its size, its times of change and its place on the disk, so that
    the file is read again only when it may be another. A gigabyte takes about a second.

    Raises:
        OSError: the file cannot be read.
        ValueError: its size is no multiple of that of a number.
    """
    found = check_regular(path)
    stamp = [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
    known = _remembered(path.with_name(REMEMBERED))
    match known.get(path.name):
        case [seen, str(sha256), int(largest)] if seen == stamp:
            return TokenDigest(sha256, largest)
    digest = _read(path, dtype)
    with suppress(OSError):  # a cache that cannot be written is read anew each time
        entries = _remembered(path.with_name(REMEMBERED)) | {path.name: [stamp, *digest]}
        write_text(path.with_name(REMEMBERED), json.dumps(entries))
    return digest


def check_vocabulary(path: Path, digest: TokenDigest, *, vocab_size: int) -> None:
    """Raises UserError where a file has a token that its vocabulary lacks."""
    if digest.largest >= vocab_size:
        raise UserError(
            f"{path} is damaged: it has the token {digest.largest}, and there are {vocab_size} tokens:"
            f" remove {path.parent} to have it made anew"
        )


def _read(path: Path, dtype: str) -> TokenDigest:
    sha256, largest = hashlib.sha256(), -1
    with open_regular(path) as file:
        while block := file.read(BLOCK_BYTES):
            sha256.update(block)
            largest = max(largest, int(np.frombuffer(block, dtype=dtype).max()))
    return TokenDigest(sha256.hexdigest(), largest)


def _remembered(file: Path) -> dict[str, object]:
    try:
        content = read_json(file)
    except (OSError, UserError):
        return {}
    return content if isinstance(content, dict) else {}
