"""What is seen of an attention module on its explicit path."""

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor, nn

from tuneformer.models.attention.layer_spec import AttentionSite

EditWeights = Callable[[AttentionSite, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenAttention:
    """One pass through one attention module.

    Attributes:
        weights: as used, before dropout.
        values: what they mix, in heads.
        logits: before the mask; None where a module has none. Two maps a head in differential attention.
        allowed: which keys a query may see, in a shape that broadcasts to that of the weights; None: all.
    """

    weights: Float[Tensor, "batch head query key"]
    values: Float[Tensor, "batch head key value"]
    logits: Float[Tensor, "batch map query key"] | None
    allowed: Bool[Tensor, "*_ _ _"] | None


Watch = Callable[[AttentionSite, SeenAttention], None]


class Watched(nn.Module):
    """A module whose attention weights can be seen and edited: where someone does, it computes them."""

    def __init__(self) -> None:
        super().__init__()
        self.edit_weights: EditWeights | None = None  # set by `explicit_attention`
        self.watch: Watch | None = None  # set by `watch_attention`

    @property
    def is_watched(self) -> bool:
        """Whether the weights must be computed explicitly."""
        return self.edit_weights is not None or self.watch is not None

    def edited(self, site: AttentionSite, weights: Tensor) -> Tensor:
        """Return the weights to use."""
        return weights if self.edit_weights is None else self.edit_weights(site, weights)
