"""Pairs as token files: for each split and side the tokens one after the other, and where each ends."""

import hashlib
import json
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tuneformer.data.contract import PreparedData
from tuneformer.data.pairs.pair_text import PairText
from tuneformer.data.tokenizers.kinds import tokenizer_from_json
from tuneformer.data.tokenizers.pair_tokenizer import end_of_sentence
from tuneformer.data.tokenizers.tokenizer import Tokenizer
from tuneformer.errors import UserError
from tuneformer.runs.directory import TOKENIZER_FILE
from tuneformer.runs.plain_files import read_json

MANIFEST = "pairs.json"
SIDES = ("source", "target")


@dataclass(frozen=True)
class Sentences:
    """Token sequences in one flat array; sequence i is tokens[ends[i - 1] : ends[i]]."""

    tokens: np.ndarray
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.ends)

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of each sequence."""
        return np.diff(self.ends, prepend=0)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.tokens[self.ends[index - 1] if index else 0 : self.ends[index]]


@dataclass(frozen=True)
class PairSplit:
    """The pairs of one split: source i belongs to target i."""

    source: Sentences
    target: Sentences

    def __len__(self) -> int:
        return len(self.source)

    @cached_property
    def by_length(self) -> np.ndarray:
        """The numbers of the pairs, from the shortest sources on."""
        return np.lexsort((self.target.lengths, self.source.lengths))


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How translations are written and how the loss is smoothed: settings of data=translation."""

    label_smoothing: float
    beam_size: int
    length_penalty: float
    max_tokens: int


class StoredPairs(NamedTuple):
    """What is kept of a corpus of pairs; see PairSplits."""

    tokenizer: Tokenizer
    splits: dict[str, PairSplit]
    fingerprint: str
    notes: list[str]


@dataclass(frozen=True, kw_only=True)
class PairSplits(PreparedData):
    """A prepared corpus of pairs.

    Attributes:
        splits: "train", "validation" and "test".
        fingerprint: SHA-256 over the pairs of all splits and the tokenizer.
        boundary: the token before every target and behind every sentence (`end_of_sentence`).
        language: the code of the language translated into; "" where only its script could tell and does not.
    """

    tokenizer: Tokenizer
    splits: dict[str, PairSplit]
    fingerprint: str
    notes: list[str]
    decoding: Decoding
    language: str

    @property
    def boundary(self) -> int:
        return end_of_sentence(self.tokenizer)

    @property
    def counts(self) -> dict[str, int | None]:
        return {name: len(split) for name, split in self.splits.items()}

    @property
    def needs(self) -> dict[str, Any]:
        n_tokens = self.tokenizer.vocab_size
        if self.boundary == n_tokens:
            return {"vocab_size": n_tokens + 1}
        return {"vocab_size": n_tokens, "end_token": self.boundary}

    @property
    def mean_tokens(self) -> float:
        train = self.splits["train"]
        return float(train.source.lengths.mean() + train.target.lengths.mean()) / 2 + 1

    @property
    def description(self) -> str:
        return f"{len(self.splits['train']):,} training pairs ({self.tokenizer.name})"

    @property
    def kept(self) -> dict[str, str]:
        return {TOKENIZER_FILE: self.tokenizer.to_json()}


def write_pairs(folder: Path, tokenizer: Tokenizer, text: PairText, *, context_length: int) -> None:
    """Tokenise every split into `folder`, with a manifest that is written last.

    A pair of which a side, with its boundary, has more than `context_length` tokens is left out, and said so.
    """
    digest, checksums, notes = hashlib.sha256(), {}, list(text.notes)
    for name, pairs in text.splits.items():
        encoded = [(tokenizer.encode(pair.source), tokenizer.encode(pair.target)) for pair in pairs]
        kept = [pair for pair in encoded if max(map(len, pair)) < context_length]
        if len(kept) < len(encoded):
            left_out = len(encoded) - len(kept)
            notes.append(f"{left_out:,} of {len(encoded):,} {name} pairs are longer than data.context_length")
        for side, sequences in zip(SIDES, zip(*kept, strict=True) if kept else ((), ()), strict=True):
            for kind, array in _flat(sequences).items():
                path = folder / f"{name}.{side}.{kind}.npy"
                np.save(path, array)
                checksums[path.name] = zlib.crc32(path.read_bytes())
        digest.update(json.dumps(pairs, ensure_ascii=False).encode())
    manifest = {
        "tokenizer": tokenizer.to_json(),
        "text_sha256": digest.hexdigest(),
        "checksums": checksums,
        "notes": notes,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1))


def load_pairs(folder: Path) -> StoredPairs | None:
    """What `write_pairs` left in `folder`, memory-mapped; None where that is missing or damaged.

    Raises:
        UserError: the files are what the manifest says, and have tokens that the tokenizer lacks.
    """
    try:
        manifest = read_json(folder / MANIFEST)
        for name, checksum in manifest["checksums"].items():
            if zlib.crc32((folder / name).read_bytes()) != checksum:
                return None
        splits = {
            split: PairSplit(*(_open(folder, f"{split}.{side}") for side in SIDES))
            for split in ("train", "validation", "test")
        }
        told = json.dumps([manifest["text_sha256"], manifest["tokenizer"]])
        stored = StoredPairs(
            tokenizer=tokenizer_from_json(manifest["tokenizer"]),
            splits=splits,
            fingerprint=hashlib.sha256(told.encode()).hexdigest(),
            notes=manifest["notes"],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # UserError is a ValueError
        return None
    for split in splits.values():
        for side in (split.source, split.target):
            if len(side.tokens) and int(side.tokens.max()) >= stored.tokenizer.vocab_size:
                raise UserError(
                    f"{folder} is damaged: it has the token {side.tokens.max()}, and there are"
                    f" {stored.tokenizer.vocab_size} tokens: remove it to have it made anew"
                )
    return stored


def _flat(sequences: tuple[np.ndarray, ...]) -> dict[str, np.ndarray]:
    tokens = np.concatenate(sequences) if sequences else np.zeros(0)
    ends = np.cumsum([len(sequence) for sequence in sequences])
    return {"tokens": tokens.astype(np.uint32), "ends": ends.astype(np.int64)}


def _open(folder: Path, name: str) -> Sentences:
    return Sentences(*(np.load(folder / f"{name}.{kind}.npy", mmap_mode="r") for kind in ("tokens", "ends")))
