"""Batches of pairs, for training and for evaluation."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tuneformer.data.contract import IGNORED
from tuneformer.data.dealing import BatchSource, Part
from tuneformer.data.pairs.length_buckets import LengthBuckets
from tuneformer.data.pairs.pair_files import PairSplit, PairSplits

MULTIPLE = 8
"""Lengths are padded to a multiple of so many tokens: fewer shapes to compile, whole tiles on a GPU."""


class PairBatch(NamedTuple):
    """Sentences, their translations as inputs, and the token that follows each; -100 is not scored.

    `visible`: true where a token of the source is one, false where it is padding. `scored`: the tokens
    that the whole step scores, over the number of its parts: the sum of a part's losses over it has, over
    all parts of the step, the mean loss of a token as its mean.
    """

    source: Int[Tensor, "batch source"]
    visible: Bool[Tensor, "batch source"]
    inputs: Int[Tensor, "batch target"]
    targets: Int[Tensor, "batch target"]
    scored: Float[Tensor, ""]


class PairBatches(BatchSource[PairBatch]):
    """Training batches of about one length; of the other splits every pair once, in order of length.

    The pairs of a step's global batch, sorted by length, go in turn to its parts, so that all parts take
    about equally long.
    """

    def __init__(self, pairs: PairSplits, *, batch_size: int, seed: int) -> None:
        self.batch_size = batch_size
        self._splits = pairs.splits
        self._boundary = pairs.boundary
        self._longest = pairs.decoding.max_tokens
        self._seed = seed
        self._train = self._splits["train"]
        self._buckets = LengthBuckets(
            self._train.source.lengths, self._train.target.lengths, batch_size=batch_size
        )

    def training_part(self, part: Part) -> PairBatch:
        rows = self._buckets.rows(seed=self._seed, step=part.step)
        scored = float((self._train.target.lengths[rows] + 1).sum()) / part.of
        mine = rows[part.in_turn]
        shape = len(mine), *room(self._train, mine, longest=self._longest)
        return make_batch(self._train, mine, boundary=self._boundary, scored=scored, shape=shape)

    def n_examples(self, split: str) -> int:
        return len(self._splits[split])

    def evaluation_batch(self, split: str, rows: np.ndarray, *, together: slice) -> PairBatch:
        pairs = self._splits[split]
        mine = pairs.by_length[rows[rows < len(pairs)]]
        return make_batch(
            pairs,
            mine,
            boundary=self._boundary,
            scored=float((pairs.target.lengths[mine] + 1).sum()),
            shape=(len(rows), *room(pairs, pairs.by_length[together], longest=self._longest)),
        )


def room(split: PairSplit, rows: np.ndarray, *, longest: int) -> tuple[int, int]:
    """Tokens for every source and every target of these pairs, each with one boundary, padded a little."""
    sides = split.source.lengths[rows].max() + 1, split.target.lengths[rows].max() + 1
    source, target = (min(-(-int(side) // MULTIPLE) * MULTIPLE, longest) for side in sides)
    return source, target


def make_batch(
    split: PairSplit,
    rows: np.ndarray,
    *,
    boundary: int,
    scored: float,
    shape: tuple[int, int, int],
) -> PairBatch:
    """These pairs, each source ended and each target begun and ended by `boundary`.

    `shape`: (pairs, source, target); pairs beyond the rows are empty, and nothing of them is scored.
    """
    n_rows, n_source, n_target = shape
    source = np.full((n_rows, n_source), boundary, dtype=np.int64)
    visible = np.arange(n_source) < np.ones((n_rows, 1), dtype=np.int64)
    inputs = np.full((n_rows, n_target), boundary, dtype=np.int64)
    targets = np.full((n_rows, n_target), IGNORED, dtype=np.int64)
    for place, row in enumerate(rows):
        sentence, translation = split.source[int(row)], split.target[int(row)]
        source[place, : len(sentence)] = sentence
        visible[place, : len(sentence) + 1] = True
        inputs[place, 1 : len(translation) + 1] = translation
        targets[place, : len(translation)] = translation
        targets[place, len(translation)] = boundary
    return PairBatch(
        source=torch.from_numpy(source),
        visible=torch.from_numpy(visible),
        inputs=torch.from_numpy(inputs),
        targets=torch.from_numpy(targets),
        scored=torch.tensor(scored),
    )
