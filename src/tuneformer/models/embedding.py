"""From tokens to the residual stream."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn


def embed_tokens(
    tokens: Int[Tensor, "batch time"],
    *,
    token_embedding: nn.Embedding,
    position_embedding: nn.Module | None,
    scale: float,
    start: int,
    positions: Int[Tensor, "batch time"] | None = None,
) -> Float[Tensor, "batch time d_model"]:
    """Return W_token[token_t], or scale W_token[token_t] + position_(start + t) where positions are added.

    `positions`: where the tokens stand, if not one behind the other.
    """
    x = token_embedding(tokens)
    if position_embedding is None:
        return x
    return scale * x + position_embedding(start, tokens.shape[1], positions).to(x.dtype)


class EarlierTokens(nn.Module):
    """What the tokens before it add to the embedding of a token: sum over k = 1 ... n of W_k[token_{t - k}].

    Each distance has a table of its own, so that the first layer sees the last n + 1 tokens in their
    order before attention has learned to look back (a neural n-gram model: Bengio et al. 2003, "A Neural
    Probabilistic Language Model", whose concatenation and first matrix this is). A token that would lie
    before the text adds nothing. n vocab_size d_model parameters; n rows to read a token.
    """

    def __init__(self, *, n: int, vocab_size: int, d_model: int) -> None:
        super().__init__()
        self.n = n
        self.vocab_size = vocab_size
        self.token_embedding = nn.Embedding(n * vocab_size, d_model)  # the table of distance 1 first

    def forward(
        self,
        tokens: Int[Tensor, "batch time"],
        before: Int[Tensor, "batch earlier"] | None,
        positions: Int[Tensor, "batch time"] | None = None,
    ) -> Float[Tensor, "batch time d_model"]:
        """Return the sum for each of `tokens`; `before` are those that came right before them.

        `positions`: where they stand in their documents; what lies before its own adds nothing.
        """
        known = tokens if before is None else torch.cat([before, tokens], dim=1)
        parts = []
        for distance in range(1, self.n + 1):
            table = (distance - 1) * self.vocab_size
            part = self.token_embedding(table + known[:, :-distance])
            lacking = max(0, tokens.shape[1] - part.shape[1])
            part = F.pad(part, (0, 0, lacking, 0))[:, -tokens.shape[1] :]
            if positions is not None:
                part = part.masked_fill((positions < distance)[..., None], 0.0)
            parts.append(part)
        return torch.stack(parts).sum(dim=0)
