"""Batches for Lightning: those of a training step, and those of a split."""

from abc import abstractmethod
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, IterableDataset


class BatchModule(pl.LightningDataModule):
    """Training batches from the trainer's own step on, and the batches of validation and test.

    A trainer that resumed a checkpoint knows its step before it asks for batches, so that training goes
    on with the batch after the last one: the first micro batch of the step that is next.
    A batch is a named tuple of tensors with the examples along the first axis.
    """

    def __init__(self, *, num_workers: int) -> None:
        super().__init__()
        self._num_workers = num_workers

    @abstractmethod
    def training_batches(
        self, *, accumulate: int, rank: int, world_size: int, start: int
    ) -> IterableDataset[Any]:
        """The micro batches of one device, without end, from micro batch `start` on.

        Those of optimizer step s are numbered s * accumulate ... (s + 1) * accumulate - 1. All devices' are
        together one global batch, a function of (seed, s).
        """

    @abstractmethod
    def evaluation_batches(self, split: str, *, rank: int, world_size: int) -> IterableDataset[Any]:
        """One device's share of a split; all have the same number of batches of the same shapes."""

    def train_dataloader(self) -> DataLoader[Any]:
        trainer = self._trainer
        accumulate = trainer.accumulate_grad_batches
        return self._loader(
            self.training_batches(
                accumulate=accumulate,
                rank=trainer.global_rank,
                world_size=trainer.world_size,
                start=trainer.global_step * accumulate,
            )
        )

    def val_dataloader(self) -> DataLoader[Any]:
        return self._evaluation_loader("validation")

    def test_dataloader(self) -> DataLoader[Any]:
        return self._evaluation_loader("test")

    @property
    def _trainer(self) -> pl.Trainer:
        assert self.trainer is not None, "the trainer asks for batches once it has been given this module"
        return self.trainer

    def _evaluation_loader(self, split: str) -> DataLoader[Any]:
        trainer = self._trainer
        return self._loader(
            self.evaluation_batches(split, rank=trainer.global_rank, world_size=trainer.world_size)
        )

    def _loader(self, batches: IterableDataset[Any]) -> DataLoader[Any]:
        return DataLoader(
            batches,
            batch_size=None,
            num_workers=self._num_workers,
            collate_fn=_as_it_is,
            pin_memory=torch.cuda.is_available(),
        )


def _as_it_is(batch: Any) -> Any:
    return batch
