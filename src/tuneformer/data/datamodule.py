"""Token batches for Lightning."""

from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from tuneformer.data.batches import EvaluationBatches, TokenBatch, TrainingBatches
from tuneformer.data.token_files import TokenSplits


class TextDataModule(pl.LightningDataModule):
    """Training batches from the trainer's own step on, and validation and test windows.

    A trainer that resumed a checkpoint knows its step before it asks for batches, so that training goes
    on with the batch after the last one: the first micro batch of the step that is next.

    Raises:
        UserError: `batch_size` is not divisible by the trainer's devices times its accumulation.
    """

    def __init__(
        self,
        *,
        splits: TokenSplits,
        context_length: int,
        batch_size: int,
        eval_batch_size: int,
        num_workers: int,
        seed: int,
    ) -> None:
        super().__init__()
        self.splits = splits
        self._context_length = context_length
        self._batch_size = batch_size
        self._eval_batch_size = eval_batch_size
        self._num_workers = num_workers
        self._seed = seed

    def train_dataloader(self) -> DataLoader[TokenBatch]:
        trainer = self._trainer
        accumulate = trainer.accumulate_grad_batches
        batches = TrainingBatches(
            self.splits.splits["train"],
            seed=self._seed,
            context_length=self._context_length,
            batch_size=self._batch_size,
            accumulate=accumulate,
            rank=trainer.global_rank,
            world_size=trainer.world_size,
            start=trainer.global_step * accumulate,
        )
        return self._loader(batches)

    def val_dataloader(self) -> DataLoader[TokenBatch]:
        return self._loader(self._evaluation("validation"))

    def test_dataloader(self) -> DataLoader[TokenBatch]:
        return self._loader(self._evaluation("test"))

    @property
    def _trainer(self) -> pl.Trainer:
        assert self.trainer is not None, "the trainer asks for batches once it has been given this module"
        return self.trainer

    def _evaluation(self, split: str) -> EvaluationBatches:
        return EvaluationBatches(
            self.splits.splits[split],
            context_length=self._context_length,
            batch_size=self._eval_batch_size,
            rank=self._trainer.global_rank,
            world_size=self._trainer.world_size,
        )

    def _loader(self, batches: TrainingBatches | EvaluationBatches) -> DataLoader[TokenBatch]:
        return DataLoader(
            batches,
            batch_size=None,
            num_workers=self._num_workers,
            collate_fn=_as_it_is,
            pin_memory=torch.cuda.is_available(),
        )


def _as_it_is(batch: Any) -> Any:
    return batch
