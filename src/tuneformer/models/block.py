"""One layer of a Transformer: how its branches and its norms are put together."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn

from tuneformer.models.choice import choose
from tuneformer.models.forward_pass import ForwardPass

MakeNorm = Callable[[], nn.Module]


class Block(nn.Module, ABC):
    """Attention, in a decoder that reads a source also cross-attention, and a feed-forward layer.

    A subclass says where the norms stand. Dropout acts on each branch before it is added.
    """

    has_final_norm = True
    """Whether a stack of such layers needs one more norm behind it."""

    def __init__(
        self,
        *,
        attention: nn.Module,
        cross_attention: nn.Module | None,
        feed_forward: nn.Module,
        make_norm: MakeNorm,
        dropout: float,
    ) -> None:
        super().__init__()
        self.attention_norm = make_norm()
        self.attention = attention
        if cross_attention is not None:
            self.cross_attention_norm = make_norm()
        self.cross_attention = cross_attention
        self.feed_forward_norm = make_norm()
        self.feed_forward = feed_forward
        self.dropout = nn.Dropout(dropout)
        self.set_norms(make_norm)

    def set_norms(self, make_norm: MakeNorm) -> None:
        """Add the norms that a layer has beside one before each branch, or take away those that it lacks."""

    @abstractmethod
    def forward(
        self, x: Float[Tensor, "batch time d_model"], shared: ForwardPass
    ) -> Float[Tensor, "batch time d_model"]:
        """Return the residual stream after this layer."""


class PreNormBlock(Block):
    """x + attention(norm(x)), then x + feed_forward(norm(x)) (arXiv 2002.04745)."""

    def forward(
        self, x: Float[Tensor, "batch time d_model"], shared: ForwardPass
    ) -> Float[Tensor, "batch time d_model"]:
        """Return the residual stream after this layer."""
        x = x + self.dropout(self.attention(self.attention_norm(x), shared))
        if self.cross_attention is not None:
            x = x + self.dropout(self.cross_attention(self.cross_attention_norm(x), shared))
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))


class PostNormBlock(Block):
    """norm(x + attention(x)), then norm(x + feed_forward(x)) (arXiv 1706.03762, 3.1).

    The output of the last layer is normed already: the original has no norm behind the stack.
    """

    has_final_norm = False

    def forward(
        self, x: Float[Tensor, "batch time d_model"], shared: ForwardPass
    ) -> Float[Tensor, "batch time d_model"]:
        """Return the residual stream after this layer."""
        x = self.attention_norm(x + self.dropout(self.attention(x, shared)))
        if self.cross_attention is not None:
            x = self.cross_attention_norm(x + self.dropout(self.cross_attention(x, shared)))
        return self.feed_forward_norm(x + self.dropout(self.feed_forward(x)))


class SandwichBlock(Block):
    """x + norm(attention(norm(x))), then x + norm(feed_forward(norm(x))) (CogView, arXiv 2105.13290, 2.4).

    The norm behind a branch bounds what it adds, however large its weights grow.
    """

    def set_norms(self, make_norm: MakeNorm) -> None:
        """See `Block`."""
        self.attention_output_norm = make_norm()
        if self.cross_attention is not None:
            self.cross_attention_output_norm = make_norm()
        self.feed_forward_output_norm = make_norm()

    def forward(
        self, x: Float[Tensor, "batch time d_model"], shared: ForwardPass
    ) -> Float[Tensor, "batch time d_model"]:
        """Return the residual stream after this layer."""
        mixed = self.attention(self.attention_norm(x), shared)
        x = x + self.dropout(self.attention_output_norm(mixed))
        if self.cross_attention is not None:
            mixed = self.cross_attention(self.cross_attention_norm(x), shared)
            x = x + self.dropout(self.cross_attention_output_norm(mixed))
        hidden = self.feed_forward(self.feed_forward_norm(x))
        return x + self.dropout(self.feed_forward_output_norm(hidden))


class ParallelBlock(Block):
    """x + attention(norm(x)) + feed_forward(norm(x)), one norm for both (PaLM, arXiv 2204.02311, 2).

    Cross-attention, where there is any, stands beside them and reads the same norm.
    """

    def set_norms(self, make_norm: MakeNorm) -> None:
        """See `Block`."""
        del make_norm
        del self.feed_forward_norm
        if self.cross_attention is not None:
            del self.cross_attention_norm

    def forward(
        self, x: Float[Tensor, "batch time d_model"], shared: ForwardPass
    ) -> Float[Tensor, "batch time d_model"]:
        """Return the residual stream after this layer."""
        normed = self.attention_norm(x)
        x = x + self.dropout(self.attention(normed, shared)) + self.dropout(self.feed_forward(normed))
        if self.cross_attention is not None:
            x = x + self.dropout(self.cross_attention(normed, shared))
        return x


BLOCKS: dict[str, type[Block]] = {
    "pre_norm": PreNormBlock,
    "post_norm": PostNormBlock,
    "sandwich": SandwichBlock,
    "parallel": ParallelBlock,
}


def block_kind(name: str) -> type[Block]:
    """Return the kind of block that `model.block` names."""
    return choose("model.block", name, BLOCKS)
