"""The first tokens and a sliding window."""

from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.settings import FirstTokensWindowAttentionSettings
from tuneformer.models.attention.windowed.local import LocalAttentionBase
from tuneformer.models.attention.windowed.sliding_window import SlidingWindowCore


class FirstTokensWindowCore(SlidingWindowCore):
    """A query sees the window, and the first `n_first` tokens."""

    def __init__(self, *, layer: LayerSpec, settings: FirstTokensWindowAttentionSettings) -> None:
        super().__init__(layer=layer, settings=settings, n_first=settings.n_first)


class FirstTokensWindowAttention(LocalAttentionBase):
    """softmax over the keys j with 0 <= i - j < window or j < n_first (StreamingLLM, arXiv 2309.17453, 3.2).

    The first tokens take the attention that a head has nowhere else to put. They keep their positions
    in the text, where the paper counts them within the cache. Time is O(T (window + n_first) d_model) for T
    tokens, memory O(T (d_model + heads (window + n_first))); the cache keeps 2 d_model numbers for each of
    n_first + window - 1 tokens.
    """

    core_class = FirstTokensWindowCore
