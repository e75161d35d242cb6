"""The first tokens and a sliding window."""

from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.local import LocalShell
from tuneformer.models.attention.logits import LogitOptions, Logits
from tuneformer.models.attention.sliding_window import SlidingWindowCore


class FirstTokensWindowAttention(LocalShell):
    """softmax over the keys j with 0 <= i - j < window or j < n_first (StreamingLLM, arXiv 2309.17453, 3.2).

    The first tokens take the attention that a head has nowhere else to put. They keep their positions
    in the text, where the paper counts them within the cache. Time is O(T (window + n_first) d_model) for T
    tokens, memory O(T (d_model + heads (window + n_first))); the cache keeps 2 d_model numbers for each of
    n_first + window - 1 tokens.
    """

    def __init__(
        self,
        *,
        layer: LayerSpec,
        window: int,
        n_first: int,
        scale: float | None,
        qk_norm: bool,
        cosine: bool,
        logit_soft_cap: float | None,
        value_residual: float | None,
    ) -> None:
        options = LogitOptions(
            scale=scale,
            qk_norm=qk_norm,
            cosine=cosine,
            logit_soft_cap=logit_soft_cap,
            value_residual=value_residual,
        )
        core = SlidingWindowCore(
            logits=Logits(layer=layer, options=options), dropout=layer.dropout, window=window, n_first=n_first
        )
        super().__init__(layer=layer, core=core, options=options)
