"""Token files: the tokens of a split as one flat array on disk, to be memory-mapped."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from tuneformer.data.contract import PreparedData
from tuneformer.data.corpus_text import CorpusText, SplitHash
from tuneformer.data.token_digest import TokenDigest, check_vocabulary, digest_of
from tuneformer.data.token_shards import TokenShards
from tuneformer.data.tokenizers import Tokenizer, tokenizer_from_json
from tuneformer.data.unknown_characters import UnknownCharacters, unknown_characters
from tuneformer.runs.directory import TOKENIZER_FILE
from tuneformer.runs.plain_files import read_json

MANIFEST = "splits.json"


@dataclass(frozen=True)
class TokenFile:
    """The tokens of one split: `n_tokens` numbers of type `dtype`, from text of `n_bytes` UTF-8 bytes.

    `first_bytes` of them are its first character.
    """

    path: Path
    dtype: str
    n_tokens: int
    n_bytes: int
    first_bytes: int

    def open(self) -> np.memmap:
        """The tokens, shape (n_tokens,), read from disk as they are asked for."""
        return np.memmap(self.path, dtype=self.dtype, mode="r", shape=(self.n_tokens,))


Source = TypeVar("Source", bound=TokenFile | TokenShards)


@dataclass(frozen=True)
class TokenSplits(PreparedData, Generic[Source]):
    """A prepared corpus.

    Attributes:
        splits: "train", "validation" and "test".
        fingerprint: SHA-256 over the text of all splits and the tokenizer: equal data, equal fingerprint.
        notes: remarks for the user, one line each.
    """

    tokenizer: Tokenizer
    splits: dict[str, Source]
    fingerprint: str
    notes: list[str]

    @property
    def counts(self) -> dict[str, int | None]:
        return {name: file.n_tokens for name, file in self.splits.items()}

    @property
    def needs(self) -> dict[str, Any]:
        return {"vocab_size": self.tokenizer.vocab_size}

    @property
    def description(self) -> str:
        return f"{self.splits['train'].n_tokens:,} training tokens ({self.tokenizer.name})"

    @property
    def kept(self) -> dict[str, str]:
        return {TOKENIZER_FILE: self.tokenizer.to_json()}

    def unknown_characters(self, split: str) -> UnknownCharacters | None:
        """The characters of a split that its tokenizer does not know; None where there are none."""
        source = self.splits[split]
        return unknown_characters(
            self.tokenizer, source.open(), n_bytes=source.n_bytes, first_bytes=source.first_bytes
        )


def write_token_splits(
    folder: Path, tokenizer: Tokenizer, text: CorpusText, hashes: Mapping[str, SplitHash]
) -> None:
    """Tokenise every split into `folder`, piece by piece, with a manifest that is written last."""
    dtype = _smallest_dtype(tokenizer.vocab_size)
    notes = list(text.notes)
    splits = {}
    for name, pieces in text.splits.items():
        path = folder / f"{name}.bin"
        n_tokens = n_unknown = 0
        with path.open("wb") as file:
            for tokens in tokenizer.encode_corpus(pieces):
                tokens.astype(dtype, copy=False).tofile(file)
                n_tokens += len(tokens)
                n_unknown += _count_unknown(tokenizer, tokens)
        splits[name] = {
            "n_tokens": n_tokens,
            "n_bytes": hashes[name].n_bytes,
            "first_bytes": len(next((piece for piece in pieces if piece), "")[:1].encode()),
            "text_sha256": hashes[name].sha256,
            "sha256": digest_of(path, dtype=dtype).sha256,
        }
        if n_unknown and name != "train":
            notes.append(f"{n_unknown:,} characters of {name} are not in the training split: they are U+FFFD")
    manifest = {"tokenizer": tokenizer.to_json(), "dtype": dtype, "splits": splits, "notes": notes}
    manifest["fingerprint"] = _fingerprint(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1))


def load_token_splits(folder: Path) -> TokenSplits[TokenFile] | None:
    """What `write_token_splits` left in `folder`, or None where that is missing or damaged.

    Every token is checked, once for each file and each change of it: so the fingerprint, which is over text
    and tokenizer, stands for the tokens too.

    Raises:
        UserError: a file is what the manifest says, and has tokens that the tokenizer lacks.
    """
    digests: dict[Path, TokenDigest] = {}
    try:
        manifest = read_json(folder / MANIFEST)
        if manifest["fingerprint"] != _fingerprint(manifest):
            return None
        splits = {}
        for name, split in manifest["splits"].items():
            path = folder / f"{name}.bin"
            digests[path] = digest_of(path, dtype=manifest["dtype"])
            n_bytes = split["n_tokens"] * np.dtype(manifest["dtype"]).itemsize
            if split["sha256"] != digests[path].sha256 or path.stat().st_size != n_bytes:
                return None
            splits[name] = TokenFile(
                path, manifest["dtype"], split["n_tokens"], split["n_bytes"], split["first_bytes"]
            )
        tokenizer = tokenizer_from_json(manifest["tokenizer"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # UserError is a ValueError
        return None
    for path, digest in digests.items():
        check_vocabulary(path, digest, vocab_size=tokenizer.vocab_size)
    return TokenSplits(tokenizer, splits, manifest["fingerprint"], manifest["notes"])


def _smallest_dtype(vocab_size: int) -> str:
    return next(name for name in ("uint8", "uint16", "uint32") if vocab_size <= np.iinfo(name).max + 1)


def _count_unknown(tokenizer: Tokenizer, tokens: np.ndarray) -> int:
    unknown = getattr(tokenizer, "unknown", None)
    return 0 if unknown is None else int((tokens == unknown).sum())


def _fingerprint(manifest: Mapping) -> str:
    texts = {name: split["text_sha256"] for name, split in manifest["splits"].items()}
    told = json.dumps([texts, manifest["tokenizer"]], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()
