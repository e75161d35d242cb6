"""One layer of a Transformer."""

from jaxtyping import Float
from torch import Tensor, nn

from tuneformer.models.forward_pass import ForwardPass


class PreNormBlock(nn.Module):
    """x + attention(norm(x)), then x + feed_forward(norm(x)) (arXiv 2002.04745).

    Dropout acts on each branch before it is added.
    """

    def __init__(
        self,
        *,
        attention_norm: nn.Module,
        attention: nn.Module,
        feed_forward_norm: nn.Module,
        feed_forward: nn.Module,
        dropout: float,
    ) -> None:
        super().__init__()
        self.attention_norm = attention_norm
        self.attention = attention
        self.feed_forward_norm = feed_forward_norm
        self.feed_forward = feed_forward
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "batch time d_model"], shared: ForwardPass
    ) -> Float[Tensor, "batch time d_model"]:
        """Return the residual stream after this layer."""
        x = x + self.dropout(self.attention(self.attention_norm(x), shared))
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
