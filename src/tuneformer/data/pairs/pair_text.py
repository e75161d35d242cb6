"""Pairs of a sentence and its translation, split."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

PLACEHOLDER = re.compile(r"\{[^{}]*\}|\[%key:[^\]]*%\]|%[a-z]\b")


class Pair(NamedTuple):
    """A sentence and its translation."""

    source: str
    target: str


@dataclass(frozen=True)
class PairText:
    """Train, validation and test pairs, and remarks for the user."""

    train: list[Pair]
    validation: list[Pair]
    test: list[Pair]
    notes: tuple[str, ...] = ()

    @property
    def splits(self) -> dict[str, list[Pair]]:
        return {"train": self.train, "validation": self.validation, "test": self.test}


def normalised(sentence: str) -> str:
    """The sentence as far as it counts for telling whether it has been seen.

    Numbers are 0, placeholders ({name}, %s, [%key:...%]) are {}, small letters, single spaces:
    "Fan {id} at 10 %" gives "fan {} at 0 %".
    """
    without_names = PLACEHOLDER.sub("{}", sentence)
    return " ".join(re.sub(r"\d+", "0", without_names).casefold().split())


def held_out_from(train: Iterable[Pair], held_out: Iterable[Pair]) -> list[Pair]:
    """The distinct pairs of `held_out` whose source is not the normalised source of a training pair."""
    seen = {normalised(pair.source) for pair in train}
    return [pair for pair in dict.fromkeys(held_out) if normalised(pair.source) not in seen]


def distinct(pairs: Iterable[Pair]) -> list[Pair]:
    """The pairs with two different sides, each once, in their order."""
    return [pair for pair in dict.fromkeys(pairs) if pair.source != pair.target]
