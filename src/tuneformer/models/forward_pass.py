"""What the layers of one forward pass share."""

from dataclasses import dataclass, field

from jaxtyping import Float, Int
from torch import Tensor

from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.key_value_cache import KeyValueCache


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """What cross-attention looks at: the output of an encoder.

    Attributes:
        states: one vector for each token of the source.
        mask: which of them are tokens; never causal.
    """

    states: Float[Tensor, "batch key d_model"]
    mask: AttentionMask


@dataclass(frozen=True, kw_only=True, slots=True)
class ForwardPass:
    """Where the tokens stand, what they may see, and what is kept of the tokens before.

    Attributes:
        start: the position of the first token, above 0 only when a cache holds tokens.
        mask: which keys a query may see, in self-attention.
        cache: the tokens before, None in training.
        memory: what cross-attention looks at; None in a model that has none.
        first_values: filled by the first layer with its values, where later layers mix them in.
    """

    start: int
    mask: AttentionMask
    cache: KeyValueCache | None
    memory: Memory | None = None
    first_values: list[Tensor] = field(default_factory=list)

    def document_positions(self, n_tokens: int) -> Int[Tensor, "batch time"] | None:
        """Return where the tokens stand in their documents; None: from `start` on, in one."""
        return None if self.mask.documents is None else self.mask.documents.last(n_tokens)
