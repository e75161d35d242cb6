"""Documents to token shards, a step at a time, so that what was done is never done again."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tuneformer.data.contract import SPLITS
from tuneformer.data.tokenizers.document_tokenizer import DocumentTokenizer
from tuneformer.data.tokenizers.tokenizer import Tokenizer
from tuneformer.runs.files import write_text
from tuneformer.runs.plain_files import read_json

PROGRESS = "progress.json"
DOCUMENT_END = "\n\n"


@dataclass
class Shard:
    """One finished file: its split, its tokens, the bytes of their text, and its SHA-256."""

    file: str
    split: str
    n_tokens: int
    n_bytes: int
    sha256: str


@dataclass
class ShardingProgress:
    """How far a data set has been turned into shards: documents read, and the files that hold them.

    `nulls`: documents that are null, and left out.
    `first_bytes`: UTF-8 bytes of the first character of each split.
    """

    documents: int = 0
    nulls: int = 0
    complete: bool = False
    dtype: str = "uint8"
    held_out_bytes: dict[str, int] = field(default_factory=dict)
    first_bytes: dict[str, int] = field(default_factory=dict)
    shards: list[Shard] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> "ShardingProgress":
        """What an earlier attempt left; the beginning where there is nothing or it is damaged."""
        try:
            content: dict[str, Any] = read_json(folder / PROGRESS)
            shards = [Shard(**shard) for shard in content.pop("shards")]
            return cls(**content, shards=shards)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return cls()

    def write(self, folder: Path) -> None:
        """Keeps it, whole or not at all."""
        write_text(folder / PROGRESS, json.dumps(asdict(self), indent=1))


class ShardWriter:
    """Writes shards of about `shard_tokens` tokens of all splits together, and then how far it has come.

    Killed anywhere, it goes on behind the last document of the last finished shards, and comes to the same
    files. No more than `shard_tokens` tokens and one document are in memory.
    """

    def __init__(
        self,
        folder: Path,
        *,
        tokenizer: Tokenizer,
        shard_tokens: int,
        held_out: float,
        max_held_out_bytes: int,
    ) -> None:
        self.folder = folder
        self.progress = ShardingProgress.read(folder)
        self._tokenizer = tokenizer
        self._shard_tokens = shard_tokens
        self._held_out = held_out
        self._max_held_out_bytes = max_held_out_bytes
        largest = tokenizer.vocab_size - 1
        self.progress.dtype = next(d for d in ("uint8", "uint16", "uint32") if largest <= np.iinfo(d).max)
        self._pending = {name: _Pending() for name in SPLITS}

    def write(self, documents: Iterator[str | None], *, max_documents: int | None) -> None:
        """Takes the documents behind those that `progress` counts, to their end or to `max_documents`."""
        done, nulls = self.progress.documents, self.progress.nulls
        for text in documents:
            if max_documents is not None and done >= max_documents:
                break
            if text is None:
                nulls += 1
            else:
                self._add(text)
            done += 1
            if sum(pending.n_tokens for pending in self._pending.values()) >= self._shard_tokens:
                self._flush(done, nulls)
        self.progress.complete = True
        self._flush(done, nulls)

    def _add(self, text: str) -> None:
        name = split_of(text, held_out=self._held_out)
        told = text if isinstance(self._tokenizer, DocumentTokenizer) else text + DOCUMENT_END
        if not told:
            return
        n_bytes = len(told.encode(errors="replace"))
        if name != "train":
            so_far = self.progress.held_out_bytes.get(name, 0) + self._pending[name].n_bytes
            if so_far + n_bytes > self._max_held_out_bytes and so_far:
                return
        tokens = encoded_document(self._tokenizer, told.encode(errors="replace").decode())
        if name not in self.progress.first_bytes:
            self.progress.first_bytes[name] = len(told[0].encode(errors="replace"))
        self._pending[name].add(tokens.astype(self.progress.dtype), n_bytes)

    def _flush(self, done: int, nulls: int) -> None:
        for name, pending in self._pending.items():
            if not pending.n_tokens:
                continue
            number = sum(shard.split == name for shard in self.progress.shards)
            file = f"{name}-{number:05d}.bin"
            content = np.concatenate(pending.tokens).tobytes()
            temporary = self.folder / f".{file}.tmp"
            temporary.write_bytes(content)
            temporary.replace(self.folder / file)
            digest = hashlib.sha256(content).hexdigest()
            self.progress.shards.append(Shard(file, name, pending.n_tokens, pending.n_bytes, digest))
            if name != "train":
                before = self.progress.held_out_bytes.get(name, 0)
                self.progress.held_out_bytes[name] = before + pending.n_bytes
            self._pending[name] = _Pending()
        self.progress.documents, self.progress.nulls = done, nulls
        self.progress.write(self.folder)


def encoded_document(tokenizer: Tokenizer, text: str) -> np.ndarray:
    """The tokens of a document, with the one that says where it begins, if there is such a one."""
    return (
        tokenizer.encode_document(text)
        if isinstance(tokenizer, DocumentTokenizer)
        else tokenizer.encode(text)
    )


def split_of(text: str, *, held_out: float) -> str:
    """The split of a document, by its hash: a share of `held_out` validates and as much tests."""
    place = int.from_bytes(hashlib.sha256(text.encode(errors="replace")).digest()[:8], "big") / 2**64
    if place < held_out:
        return "validation"
    return "test" if place < 2 * held_out else "train"


class _Pending:
    def __init__(self) -> None:
        self.tokens: list[np.ndarray] = []
        self.n_tokens = 0
        self.n_bytes = 0

    def add(self, tokens: np.ndarray, n_bytes: int) -> None:
        self.tokens.append(tokens)
        self.n_tokens += len(tokens)
        self.n_bytes += n_bytes
