"""A prepared corpus: its tokenizer and the token files of its splits."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from tuneformer.data.contract import PreparedData
from tuneformer.data.text.corpus_text import CorpusText, SplitHash
from tuneformer.data.text.ngrams import ngram_losses
from tuneformer.data.text.token_digest import TokenDigest, check_vocabulary, digest_of
from tuneformer.data.text.token_files import TokenFile, TokenShards
from tuneformer.data.tokenizers.kinds import tokenizer_from_json
from tuneformer.data.tokenizers.tokenizer import Tokenizer
from tuneformer.runs.directory import TOKENIZER_FILE
from tuneformer.runs.plain_files import read_json

MANIFEST = "splits.json"
CHUNK = 1 << 20
"""Tokens counted at once."""


class UnknownCharacters(NamedTuple):
    """The token of all characters that training lacks, and the mean of the UTF-8 bytes of each of them."""

    token: int
    mean_bytes: float


Source = TypeVar("Source", bound=TokenFile | TokenShards)


@dataclass(frozen=True)
class TokenSplits(PreparedData, Generic[Source]):
    """A prepared corpus.

    Attributes:
        splits: "train", "validation" and "test".
        fingerprint: SHA-256 over the text of all splits and the tokenizer: equal data, equal fingerprint.
        notes: remarks for the user, one line each.
        document_start: the token that a model must know to keep documents apart; None: it need not.
    """

    tokenizer: Tokenizer
    splits: dict[str, Source]
    fingerprint: str
    notes: list[str]
    document_start: int | None = None

    @property
    def counts(self) -> dict[str, int | None]:
        return {name: file.n_tokens for name, file in self.splits.items()}

    @property
    def needs(self) -> dict[str, Any]:
        kept_apart = {} if self.document_start is None else {"document_start": self.document_start}
        return {"vocab_size": self.tokenizer.vocab_size, **kept_apart}

    @property
    def description(self) -> str:
        return f"{self.splits['train'].n_tokens:,} training tokens ({self.tokenizer.name})"

    @property
    def kept(self) -> dict[str, str]:
        return {TOKENIZER_FILE: self.tokenizer.to_json()}

    @property
    def references(self) -> dict[str, float]:
        return ngram_losses(
            self.splits["train"].open(),
            self.splits["validation"].open(),
            vocab_size=self.tokenizer.vocab_size,
        )

    def unknown_characters(self, split: str) -> UnknownCharacters | None:
        """The characters of a split that its tokenizer does not know; None where there are none.

        They are counted behind the first token, which is never scored:

            mean_bytes = (bytes of the text - bytes of all known tokens) / number of unknown ones
        """
        token = getattr(self.tokenizer, "unknown", None)
        if token is None:
            return None
        source, byte_lengths = self.splits[split], self.tokenizer.byte_lengths
        tokens, counts = source.open(), np.zeros(len(byte_lengths), dtype=np.int64)
        for start in range(0, len(tokens), CHUNK):
            places = np.arange(start, min(start + CHUNK, len(tokens)))
            counts += np.bincount(tokens[places], minlength=len(counts))
        number = int(counts[token])
        unknown_bytes = source.n_bytes - int(counts @ byte_lengths) + number * int(byte_lengths[token])
        if source.first_bytes is not None and number > 1 and int(tokens[np.arange(1)][0]) == token:
            number, unknown_bytes = number - 1, unknown_bytes - source.first_bytes
        return UnknownCharacters(token, unknown_bytes / number) if number else None


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
