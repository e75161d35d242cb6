"""Batches of examples that fit into memory or are generated step by step."""

import numpy as np
import torch

from tuneformer.data.contract import IGNORED
from tuneformer.data.dealing import BatchSource, Part
from tuneformer.data.examples.examples import Examples, ExampleSource


class ExampleBatches(BatchSource[Examples]):
    """Training batches as `source` gives them for each step, and every example of a split once."""

    def __init__(self, source: ExampleSource, *, batch_size: int, seed: int) -> None:
        self.batch_size = batch_size
        self._source = source
        self._seed = seed
        self._splits: dict[str, Examples] = {}

    def training_part(self, part: Part) -> Examples:
        whole = self._source.training_step(seed=self._seed, step=part.step, batch_size=self.batch_size)
        return as_tensors(whole.take(part.side_by_side(self.batch_size)))

    def n_examples(self, split: str) -> int:
        return len(self._examples(split).inputs)

    def evaluation_batch(self, split: str, rows: np.ndarray, *, together: slice) -> Examples:
        del together  # all examples are of one shape
        examples = self._examples(split)
        there = rows < len(examples.inputs)
        inputs, targets = examples.take(np.where(there, rows, 0))
        return as_tensors(Examples(inputs, _unscored(targets, where=~there)))

    def _examples(self, split: str) -> Examples:
        if split not in self._splits:
            self._splits[split] = self._source.split(split)
        return self._splits[split]


def as_tensors(examples: Examples) -> Examples:
    """The same examples as tensors of their own memory; whole numbers become int64."""
    return Examples(*(_tensor(array) for array in examples))


def _tensor(array: np.ndarray) -> torch.Tensor:
    whole = np.issubdtype(array.dtype, np.integer)
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.int64 if whole else np.float32))


def _unscored(targets: np.ndarray, *, where: np.ndarray) -> np.ndarray:
    targets = targets.copy()
    targets[where] = IGNORED if np.issubdtype(targets.dtype, np.integer) else np.nan
    return targets
