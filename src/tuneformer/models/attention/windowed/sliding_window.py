"""Sliding-window attention."""

from jaxtyping import Bool, Int
from torch import Tensor

from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.settings import SlidingWindowAttentionSettings
from tuneformer.models.attention.windowed.local import LocalAttentionBase, LocalCore


class SlidingWindowCore(LocalCore):
    """A query sees the keys less than `window` tokens away, itself counted."""

    def __init__(
        self, *, layer: LayerSpec, settings: SlidingWindowAttentionSettings, n_first: int = 0
    ) -> None:
        super().__init__(
            layer=layer, settings=settings, block=settings.window, looks_at_neighbours=True, n_first=n_first
        )
        self.window = settings.window

    def sees(self, query: Int[Tensor, "*_"], key: Int[Tensor, "*_"]) -> Bool[Tensor, "*_"]:
        """Return |i - j| < window, or j < n_first."""
        near = (query - key).abs() < self.window
        return near | (key < self.n_first) if self.n_first else near

    def oldest(self, position: int) -> int:
        """Return position - window + 1."""
        return position - self.window + 1


class SlidingWindowAttention(LocalAttentionBase):
    """softmax over the keys j with 0 <= i - j < window (arXiv 2004.05150, 3.1; as in Mistral, 2310.06825).

    Without causality |i - j| < window. L layers look L (window - 1) tokens back. Time is
    O(T window d_model) for T tokens, memory O(T (d_model + heads * window)); the cache keeps 2 d_model
    numbers for each of the last window - 1 tokens.
    """

    core_class = SlidingWindowCore
