"""From tokens to the residual stream."""

from jaxtyping import Float, Int
from torch import Tensor, nn


def embed_tokens(
    tokens: Int[Tensor, "batch time"],
    *,
    token_embedding: nn.Embedding,
    position_embedding: nn.Module | None,
    scale: float,
    start: int,
) -> Float[Tensor, "batch time d_model"]:
    """Return W_token[token_t], or scale W_token[token_t] + position_(start + t) where positions are added."""
    x = token_embedding(tokens)
    if position_embedding is None:
        return x
    return scale * x + position_embedding(start, tokens.shape[1]).to(x.dtype)
