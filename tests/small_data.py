"""Small stand-ins for what the data options read, so that a test needs no network."""

import gzip
import hashlib
import json
import random
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

LANGUAGES = {"da": "abcdef", "nb": "ghijkl", "sv": "mnopqr"}


def write_idx(path: Path, array: np.ndarray) -> None:
    """The bytes of an IDX file, written from the format's page."""
    header = bytes((0, 0, 8, array.ndim)) + b"".join(struct.pack(">I", size) for size in array.shape)
    content = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_idx_folder(folder: Path, *, n: int = 120, size: int = 8) -> Path:
    """Images of two classes, dark below or above, with test images of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(0)
    for stem, number, end in (("train", n, ""), ("t10k", n // 4, ".gz")):
        labels = np.arange(number) % 2
        images = draw.integers(0, 100, size=(number, size, size))
        images[labels == 1, : size // 2] += 150
        write_idx(folder / f"{stem}-images-idx3-ubyte{end}", images)
        write_idx(folder / f"{stem}-labels-idx1-ubyte{end}", labels)
    return folder


def catalogue(messages: Mapping[str, str]) -> bytes:
    """The bytes of a .mo file, from the manual of GNU gettext: a table of originals, one of translations."""
    pairs = sorted({"": "Content-Type: text/plain; charset=UTF-8\n", **messages}.items())
    n, texts = len(pairs), b""
    start = 28 + 16 * n
    rows: tuple[list[bytes], list[bytes]] = ([], [])
    for side in (0, 1):
        for pair in pairs:
            content = pair[side].encode()
            rows[side].append(struct.pack("<II", len(content), start + len(texts)))
            texts += content + b"\0"
    header = struct.pack("<7I", 0x950412DE, 0, n, 28, 28 + 8 * n, 0, 0)
    return header + b"".join(rows[0]) + b"".join(rows[1]) + texts


def sentences(letters: str, *, n: int = 80) -> dict[str, str]:
    """Messages in a language of a few letters: all languages have the same identities."""
    draw = random.Random(letters)
    return {
        f"Message number {number}": " ".join("".join(draw.choices(letters, k=5)) for _ in range(6))
        for number in range(n)
    }


def digits_csv(*, n: int, size: int) -> bytes:
    """Rows of pixels and a class, packed: as the wheels with digits have them."""
    draw = np.random.default_rng(1)
    labels = np.arange(n) % 10
    rows = np.column_stack((draw.integers(0, 17, size=(n, size * size)), labels))
    return gzip.compress(
        "\n".join(",".join(map(str, row)) for row in rows.tolist()).encode(), compresslevel=1
    )


def put_wheel(
    monkeypatch: pytest.MonkeyPatch, cache: Path, module: ModuleType, members: Mapping[str, bytes]
) -> str:
    """Puts a wheel with these files where `module.WHEEL` is cached; returns the override that uses it."""
    path = cache / "downloads" / module.WHEEL.file_name
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    small = replace(module.WHEEL, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(module, "WHEEL", small)
    return f"data.cache_dir={cache}"


def write_json_lines(path: Path, texts: Sequence[str]) -> Path:
    """A data set of JSON lines with the column "text"."""
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return path


def write_pairs(path: Path) -> Path:
    """Sentences and the same backwards, a tab between them."""
    lines = sentences("abcdefgh", n=300).values()
    path.write_text("".join(f"{line}\t{line[::-1]}\n" for line in lines), encoding="utf-8")
    return path


def components() -> dict[str, bytes]:
    """Catalogues in English and German of forty components, as the package homeassistant has them."""
    files = {}
    for number in range(40):
        said = sentences(f"abcdefgh{number}", n=8)
        for language, turn in (("en", 1), ("de", -1)):
            told = {key: text[::turn] for key, text in said.items()}
            name = f"homeassistant/components/part{number}/translations/{language}.json"
            files[name] = json.dumps(told).encode()
    return files
