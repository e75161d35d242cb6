"""What the layers of one forward pass share."""

from dataclasses import dataclass

from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.key_value_cache import KeyValueCache


@dataclass(frozen=True, kw_only=True, slots=True)
class ForwardPass:
    """Where the tokens stand, what they may see, and what is kept of the tokens before.

    Attributes:
        start: the position of the first token, above 0 only when a cache holds tokens.
        mask: which keys a query may see.
        cache: the tokens before, None in training.
    """

    start: int
    mask: AttentionMask
    cache: KeyValueCache | None
