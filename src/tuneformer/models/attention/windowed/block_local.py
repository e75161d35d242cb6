"""Block-local attention."""

from jaxtyping import Bool, Int
from torch import Tensor

from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.settings import BlockLocalAttentionSettings
from tuneformer.models.attention.windowed.local import LocalAttentionBase, LocalCore


class BlockLocalCore(LocalCore):
    """A query sees the keys of its own block of `block` tokens."""

    def __init__(self, *, layer: LayerSpec, settings: BlockLocalAttentionSettings) -> None:
        super().__init__(
            layer=layer, settings=settings, block=settings.block, looks_at_neighbours=False, n_first=0
        )

    def sees(self, query: Int[Tensor, "*_"], key: Int[Tensor, "*_"]) -> Bool[Tensor, "*_"]:
        """Return floor(i / block) = floor(j / block)."""
        return query // self.block == key // self.block

    def oldest(self, position: int) -> int:
        """Return the first token of the block."""
        return position // self.block * self.block


class BlockLocalAttention(LocalAttentionBase):
    """softmax over the keys j <= i with floor(i / block) = floor(j / block) (Blockwise, arXiv 1911.02972).

    No block sees another: what lies in one never reaches the next, however many layers. Time is
    O(T block d_model) for T tokens, memory O(T (d_model + heads * block)); the cache keeps 2 d_model numbers
    for each token of the block so far.
    """

    core_class = BlockLocalCore
