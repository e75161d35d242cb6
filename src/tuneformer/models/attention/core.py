"""What an attention core is."""

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor, nn

from tuneformer.models.attention.mask import AttentionMask


class AttentionCore(nn.Module, ABC):
    """Mixes values by queries and keys that are ready: projected, normed, positioned, in heads.

    It has two paths. `forward` is the one to train on. `weights` gives the weights themselves, such
    that `weights(q, k, mask) @ v` equals `forward(q, k, v, mask)` in evaluation.
    """

    @abstractmethod
    def forward(
        self,
        q: Float[Tensor, "batch head query dim"],
        k: Float[Tensor, "batch kv_head key dim"],
        v: Float[Tensor, "batch kv_head key value"],
        mask: AttentionMask,
    ) -> Float[Tensor, "batch head query value"]:
        """Return the mixed values by the fastest way."""

    @abstractmethod
    def weights(
        self,
        q: Float[Tensor, "batch head query dim"],
        k: Float[Tensor, "batch kv_head key dim"],
        mask: AttentionMask,
    ) -> Float[Tensor, "batch head query key"]:
        """Return the weight of each key for each query, before dropout."""
