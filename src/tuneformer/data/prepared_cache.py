"""The cache of prepared data: found by what it is read from, kept by what it says."""

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Generic, TypeVar

from tuneformer.errors import UserError

ABANDONED_AFTER_SECONDS = 24 * 3600
SOURCES, DOWNLOADS, SHARDS = "sources", "downloads", "shards"
"""The folders of a cache by whose entries it is known as one."""
_HASH = re.compile(r"[0-9a-f]{16,64}")

Kept = TypeVar("Kept")


class PreparedCache(Generic[Kept]):
    """Two levels under `cache_dir`.

    `sources/<hash of the source>` names the content that a source (paths, sizes, times of change,
    settings) had when it was last read; `<folder>/<hash of the content>/` holds its files. So an unchanged
    source is found without reading it, a changed one is noticed, and equal text is kept once. Every file
    and folder appears whole, by renaming, however many processes write at once. `load` gives what a
    folder of files holds, None where that is missing or damaged.
    """

    def __init__(self, cache_dir: Path, *, folder: str, load: Callable[[Path], Kept | None]) -> None:
        self._cache_dir = cache_dir
        self._folder = folder
        self._load = load

    def find_source(self, source: str) -> Kept | None:
        """What `source` gave when it was last read, or None."""
        try:
            content = self._source_path(source).read_text()
        except (OSError, UnicodeDecodeError):
            return None
        return self.find_content(content) if content.isalnum() else None

    def find_content(self, content: str) -> Kept | None:
        """That whose text and settings hash to `content`, or None where missing or damaged."""
        return self._load(self._content_path(content))

    def remember(self, source: str, content: str) -> None:
        """Note that `source` holds `content`."""
        with cache_writing(self._cache_dir):
            path = self._source_path(source)
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
            with os.fdopen(handle, "w") as file:
                file.write(content)
            Path(temporary).replace(path)

    def build(self, content: str, write: Callable[[Path], None]) -> Kept:
        """Let `write` fill a folder, then make it that of `content` at once.

        Raises:
            UserError: the cache cannot be written.
        """
        final = self._content_path(content)
        with cache_writing(self._cache_dir):
            final.parent.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(final.parent)
            temporary = Path(tempfile.mkdtemp(dir=final.parent, prefix="."))
            try:
                write(temporary)
                self._put_in_place(temporary, final)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
        splits = self.find_content(content)
        assert splits is not None, f"{final} is damaged right after it was written"
        return splits

    def _put_in_place(self, temporary: Path, final: Path) -> None:
        if final.exists() and self._load(final) is None:
            damaged = Path(tempfile.mkdtemp(dir=final.parent, prefix="."))
            final.rename(damaged / "damaged")
            shutil.rmtree(damaged, ignore_errors=True)
        try:
            temporary.rename(final)
        except OSError:
            # another process was quicker: its files say the same
            if self._load(final) is None:
                raise

    def _source_path(self, source: str) -> Path:
        return self._cache_dir / SOURCES / hashlib.sha256(source.encode()).hexdigest()

    def _content_path(self, content: str) -> Path:
        return self._cache_dir / self._folder / content


def cache_folder() -> Path:
    """The folder of what can be made again: TUNEFORMER_CACHE, or ~/.cache/tuneformer."""
    return Path(os.environ.get("TUNEFORMER_CACHE") or "~/.cache/tuneformer").expanduser()


def is_cache(folder: Path) -> bool:
    """Whether a folder holds what only a cache does: entries named by hashes, or wheels."""
    entries = (*folder.glob(f"{SOURCES}/*"), *folder.glob(f"{SHARDS}/*"))
    return any(_HASH.fullmatch(each.name) for each in entries) or any(folder.glob(f"{DOWNLOADS}/*.whl"))


@contextmanager
def cache_writing(cache_dir: Path) -> Iterator[None]:
    """Turn an OSError of the block (read-only folder, full disk) into a UserError that names the cache."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"data.cache_dir={cache_dir} cannot be written ({error.strerror or error}): "
            "give a folder that can, or set TUNEFORMER_CACHE"
        ) from error


def content_hash(*parts: object) -> str:
    """SHA-256 of the parts' JSON, as a name for a folder."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _remove_abandoned(folder: Path) -> None:
    for path in folder.glob(".*"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - ABANDONED_AFTER_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
