"""Language modelling: the next token from those before it."""

import torch
import torch.nn.functional as F
from torch import Tensor

from tuneformer.data.text.token_batches import TokenBatch
from tuneformer.data.text.token_splits import TokenSplits
from tuneformer.tasks.base import Task
from tuneformer.tasks.text_loss import TextLoss


class LanguageModelling(Task):
    """Minimises the mean over tokens of -log p(token | the tokens before it in its window), in nats.

    Validation and test score every token of their split but the first, and give `loss` (nats per
    token), `perplexity` = exp(loss) and `bits_per_byte` = nats / (bytes ln 2), which alone compares
    runs with different tokenizers.
    """

    def use(self, prepared: TokenSplits) -> None:
        """See `Task`."""
        self.tokenizer = prepared.tokenizer

    @classmethod
    def metric(cls, prepared: TokenSplits, *, split: str) -> TextLoss:
        return TextLoss(
            torch.from_numpy(prepared.tokenizer.byte_lengths.copy()).long(),
            unknown=prepared.unknown_characters(split),
        )

    @classmethod
    def model_inputs(cls, batch: TokenBatch) -> tuple[Tensor]:
        return (batch.inputs,)

    @classmethod
    def some_examples(cls, batch: TokenBatch, rows: slice, *, n_tokens: int) -> TokenBatch:
        return TokenBatch(batch.inputs[rows, :n_tokens], batch.targets[rows, :n_tokens])

    def loss(self, batch: TokenBatch) -> Tensor:
        logits = self.model(*self.model_inputs(batch))
        if logits.dtype != torch.float64:
            logits = logits.float()
        return F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten())
