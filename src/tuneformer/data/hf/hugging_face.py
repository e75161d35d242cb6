"""A Hugging Face data set as text to be modelled."""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np

from tuneformer.config.ranges import AT_LEAST_ONE, Number
from tuneformer.config.setting import Setting
from tuneformer.data.code_digest import code_digest
from tuneformer.data.contract import SPLITS, Data
from tuneformer.data.hf.documents import documents, local_files
from tuneformer.data.hf.shard_writer import DOCUMENT_END, ShardingProgress, ShardWriter, split_of
from tuneformer.data.prepared_cache import cache_writing, content_hash
from tuneformer.data.settings import COUNT, HALF, TOKENS
from tuneformer.data.text.text_data import TokenData
from tuneformer.data.text.token_digest import check_vocabulary, digest_of
from tuneformer.data.text.token_files import TokenShards
from tuneformer.data.text.token_splits import TokenSplits
from tuneformer.data.tokenizers.kinds import (
    KINDS,
    kind_of,
    read_tokenizer,
    settings_of_tokenizer,
    train_tokenizer,
)
from tuneformer.data.tokenizers.tokenizer import Tokenizer
from tuneformer.errors import UserError
from tuneformer.runs.directory import TOKENIZER_FILE
from tuneformer.runs.files import write_text


@dataclass(frozen=True, kw_only=True)
class HuggingFace(TokenData):
    """Documents of a column, streamed and tokenised into shards, each with an empty line behind it.

    With `documents` each has the token that begins one before it, and no empty line. They are kept under
    cache_dir/shards/<hash of source, settings, code>, and taken from there the next time; a preparation that
    was stopped goes on behind its last finished shards. A tokenizer that is learnt (bpe, characters) is
    learnt from the first `tokenizer_documents` training documents. A share of `held_out` of the documents
    validates and as much tests, each up to max_validation_bytes.

    Raises:
        UserError: a setting is not allowed, or there is no such data set.
    """

    path: Annotated[
        str, Setting("a file, a folder of files of one format, or a name on the hub", weights=False)
    ]
    subset: Annotated[
        str | None, Setting("of a data set on the hub that has several", null="the default of the data set")
    ]
    column: Annotated[str, Setting("the column that holds the text")]
    max_documents: Annotated[int | None, Setting("documents that are read", AT_LEAST_ONE, null="all")]
    held_out: Annotated[
        Number,
        Setting("share of the documents that validates, and as much that tests", HALF),
    ]
    shard_tokens: Annotated[
        int, Setting("size of a shard, about; no more are in memory", COUNT, unit=TOKENS, weights=False)
    ]
    tokenizer_documents: Annotated[
        int, Setting("training documents that bpe and characters are learnt from", AT_LEAST_ONE)
    ]

    def prepare(self) -> TokenSplits[TokenShards]:
        code = code_digest(
            type(self), documents, ShardWriter, KINDS[kind_of(self.tokenizer)], alone=(HuggingFace, Data)
        )
        folder = self.cache / "shards" / content_hash(code, self._source(), self._settings())
        with cache_writing(self.cache), _held(folder):
            progress = ShardingProgress.read(folder)
            if not progress.complete or not _is_whole(folder, progress):
                progress = self._write(folder)
            tokenizer = read_tokenizer(folder / TOKENIZER_FILE)
            _check_vocabulary(folder, progress, tokenizer)
        splits = _splits(folder, progress, tokenizer)
        return self.checked(splits)

    def _write(self, folder: Path) -> ShardingProgress:
        tokenizer = self._tokenizer(folder)
        if not _is_whole(folder, ShardingProgress.read(folder)):
            ShardingProgress().write(folder)  # a shard was lost: from the beginning
        writer = ShardWriter(
            folder,
            tokenizer=tokenizer,
            shard_tokens=self.shard_tokens,
            held_out=self.held_out,
            max_held_out_bytes=self.max_validation_bytes,
        )
        writer.write(self._documents(skip=writer.progress.documents), max_documents=self.max_documents)
        return writer.progress

    def _tokenizer(self, folder: Path) -> Tokenizer:
        file = folder / TOKENIZER_FILE
        if file.exists():
            return read_tokenizer(file)
        training = (text for text in self._documents(skip=0) if text is not None and self._trains(text))
        end = DOCUMENT_END if self.documents is None else ""
        texts = (text + end for text in islice(training, self.tokenizer_documents))
        tokenizer = self.marking(train_tokenizer(self.tokenizer, texts, bpe_vocab_size=self.bpe_vocab_size))
        write_text(file, tokenizer.to_json())
        return tokenizer

    def _trains(self, text: str) -> bool:
        return split_of(text, held_out=self.held_out) == "train"

    def _documents(self, *, skip: int) -> Iterator[str | None]:
        return documents(self.path, subset=self.subset, column=self.column, skip=skip)

    def _source(self) -> object:
        """What is read, as far as it can be told without reading: local files by size and time of change."""
        local = Path(self.path).expanduser()
        if not local.exists():
            return [self.path, self.subset]
        stats = [(str(file.resolve()), file.stat()) for file in local_files(local)]
        return [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]

    def _settings(self) -> object:
        learnt = settings_of_tokenizer(self.tokenizer, bpe_vocab_size=self.bpe_vocab_size)
        return [
            self.column,
            self.max_documents,
            self.held_out,
            self.shard_tokens,
            self.tokenizer_documents,
            self.tokenizer,
            self.max_validation_bytes,
            *learnt,
            *self.marks,
        ]


def _splits(folder: Path, progress: ShardingProgress, tokenizer: Tokenizer) -> TokenSplits[TokenShards]:
    splits: dict[str, TokenShards] = {}
    for name in SPLITS:
        shards = [shard for shard in progress.shards if shard.split == name]
        if not shards:
            raise UserError(
                f"data.path has no document for {name} ({progress.documents:,} in all): raise data.held_out"
                " or give more"
            )
        splits[name] = TokenShards(
            paths=tuple(folder / shard.file for shard in shards),
            sizes=tuple(shard.n_tokens for shard in shards),
            dtype=progress.dtype,
            n_bytes=sum(shard.n_bytes for shard in shards),
            first_bytes=progress.first_bytes.get(name),
        )
    told = [tokenizer.to_json(), *sorted(f"{shard.file} {shard.sha256}" for shard in progress.shards)]
    fingerprint = hashlib.sha256("\n".join(told).encode()).hexdigest()
    notes = [f"{progress.documents:,} documents in {len(progress.shards)} shards"]
    if progress.nulls:
        notes.append(f"{progress.nulls:,} of them are null, and left out")
    return TokenSplits(tokenizer, splits, fingerprint, notes)


def _is_whole(folder: Path, progress: ShardingProgress) -> bool:
    """Whether every token is what was written, by the digest of each file."""
    size = np.dtype(progress.dtype).itemsize
    try:
        return all(
            (folder / shard.file).stat().st_size == shard.n_tokens * size
            and digest_of(folder / shard.file, dtype=progress.dtype).sha256 == shard.sha256
            for shard in progress.shards
        )
    except (OSError, ValueError):
        return False


def _check_vocabulary(folder: Path, progress: ShardingProgress, tokenizer: Tokenizer) -> None:
    for shard in progress.shards:
        digest = digest_of(folder / shard.file, dtype=progress.dtype)
        check_vocabulary(folder / shard.file, digest, vocab_size=tokenizer.vocab_size)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """One process at a time prepares in a folder; the others wait and find it done."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
