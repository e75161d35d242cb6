"""Batches for Lightning: those of a training step, and those of a split."""

from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, IterableDataset

from tuneformer.data.dealing import (
    BatchSource,
    EvaluationBatches,
    TrainingBatches,
    check_parts_are_equal,
)


class BatchModule(pl.LightningDataModule):
    """Training batches from the trainer's own step on, and the batches of validation and test.

    A trainer that resumed a checkpoint knows its step before it asks for batches, so that training goes
    on with the batch after the last one: the first micro batch of the step that is next.
    """

    def __init__(self, source: BatchSource[Any], *, eval_batch_size: int, num_workers: int) -> None:
        super().__init__()
        self.source = source
        self._eval_batch_size = eval_batch_size
        self._num_workers = num_workers

    def training_batches(
        self, *, accumulate: int, rank: int, world_size: int, start: int
    ) -> TrainingBatches[Any]:
        """The micro batches of one device, without end, from micro batch `start` on.

        Raises:
            UserError: the batch size is not divisible by the devices times the accumulation.
        """
        check_parts_are_equal(batch_size=self.source.batch_size, devices=world_size, accumulate=accumulate)
        return TrainingBatches(
            self.source, accumulate=accumulate, rank=rank, world_size=world_size, start=start
        )

    def evaluation_batches(self, split: str, *, rank: int, world_size: int) -> EvaluationBatches[Any]:
        """One device's share of a split."""
        return EvaluationBatches(
            self.source, split, batch_size=self._eval_batch_size, rank=rank, world_size=world_size
        )

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
