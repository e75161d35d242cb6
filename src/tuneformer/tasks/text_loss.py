"""Loss, perplexity and bits per byte of a language model over text."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from tuneformer.data.contract import IGNORED
from tuneformer.data.text.token_batches import TokenBatch
from tuneformer.data.text.token_splits import UnknownCharacters
from tuneformer.tasks.metric import SUM_DTYPE, TaskMetric


class TextLoss(TaskMetric):
    """Cross entropy summed over every scored token of a text, whatever its batches.

        loss          = nats / tokens             nats per token
        perplexity    = exp(loss)
        bits_per_byte = nats / (bytes ln 2)       comparable between tokenizers

    The bytes are those of the text itself. Where a token stands for every character that training lacks
    (`unknown`), it counts as the mean of those it stands for in this split: over the whole split the sum is
    exact. The sums are exact integers or float64 (where the device has it), and add up over processes.

    Args:
        byte_lengths: UTF-8 bytes that each token stands for, shape (vocab_size,).
        unknown: the token of unseen characters and their bytes; None where every token has its own.
    """

    nats: Tensor
    tokens: Tensor
    bytes: Tensor
    n_unknown: Tensor
    byte_lengths: Tensor

    def __init__(self, byte_lengths: Int[Tensor, " vocab"], *, unknown: UnknownCharacters | None) -> None:
        super().__init__()
        self.unknown = unknown
        self.register_buffer("byte_lengths", byte_lengths, persistent=False)
        self.add_state("nats", torch.zeros((), dtype=SUM_DTYPE), dist_reduce_fx="sum")
        self.add_state("tokens", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("bytes", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("n_unknown", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def score(self, model: nn.Module, batch: TokenBatch) -> None:
        """Add a batch."""
        self.update(model(batch.inputs), batch.targets)

    def update(self, logits: Float[Tensor, "batch time vocab"], targets: Int[Tensor, "batch time"]) -> None:
        """Add a batch; targets of -100 do not count.

        The logarithms are taken in float32 also where the logits have fewer bits.
        """
        flat = targets.flatten()  # (B T)
        nats = F.cross_entropy(logits.flatten(0, 1).float(), flat, ignore_index=IGNORED, reduction="none")
        scored = flat[flat != IGNORED]
        self.nats += nats.sum(dtype=SUM_DTYPE)
        self.tokens += scored.numel()
        if self.unknown is not None:
            is_unknown = scored == self.unknown.token
            self.n_unknown += is_unknown.sum()
            scored = scored[~is_unknown]
        self.bytes += self.byte_lengths[scored].sum()

    def compute(self) -> dict[str, Tensor]:
        """The three figures as scalars; nan where nothing was scored."""
        loss = self.nats / self.tokens
        n_bytes = self.bytes.to(SUM_DTYPE)
        if self.unknown is not None:
            n_bytes = n_bytes + self.n_unknown * self.unknown.mean_bytes
        return {
            "loss": loss,
            "perplexity": loss.exp(),
            "bits_per_byte": self.nats / (n_bytes * math.log(2)),
        }
