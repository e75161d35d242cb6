"""A language model without attention."""

from typing import Annotated

import torch
from torch import Tensor, nn

from tuneformer.config.ranges import AT_LEAST_ONE
from tuneformer.config.setting import Setting


class MeanOfThePast(nn.Module):
    """Predicts the next token from the mean of the embeddings so far and the last one."""

    tasks = ("language_modelling",)

    def __init__(
        self,
        *,
        vocab_size: Annotated[int, Setting("tokens that the tokenizer has", AT_LEAST_ONE, from_data=True)],
        size: Annotated[str | None, Setting("name that gives the width", null="tiny")],
        width: Annotated[int, Setting("numbers of an embedding", AT_LEAST_ONE)],
    ) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(vocab_size, width)
        self.hidden = nn.Linear(2 * width, width)
        self.output = nn.Linear(width, vocab_size)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the next token, (batch, time, vocab)."""
        embedded = self.token_embedding(tokens)
        so_far = torch.arange(1, tokens.shape[1] + 1, device=tokens.device)[:, None]
        past = embedded.cumsum(dim=1) / so_far
        return self.output(self.hidden(torch.cat((embedded, past), dim=-1)).relu())
