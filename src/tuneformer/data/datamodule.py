"""Token batches for Lightning."""

from tuneformer.data.batch_module import BatchModule
from tuneformer.data.batches import EvaluationBatches, TrainingBatches
from tuneformer.data.token_files import TokenSplits


class TextDataModule(BatchModule):
    """Random windows of the training tokens, and validation and test in windows side by side.

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
        super().__init__(num_workers=num_workers)
        self.splits = splits
        self._context_length = context_length
        self._batch_size = batch_size
        self._eval_batch_size = eval_batch_size
        self._seed = seed

    def training_batches(self, *, accumulate: int, rank: int, world_size: int, start: int) -> TrainingBatches:
        return TrainingBatches(
            self.splits.splits["train"],
            seed=self._seed,
            context_length=self._context_length,
            batch_size=self._batch_size,
            accumulate=accumulate,
            rank=rank,
            world_size=world_size,
            start=start,
        )

    def evaluation_batches(self, split: str, *, rank: int, world_size: int) -> EvaluationBatches:
        return EvaluationBatches(
            self.splits.splits[split],
            context_length=self._context_length,
            batch_size=self._eval_batch_size,
            rank=rank,
            world_size=world_size,
        )
