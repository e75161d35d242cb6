"""What an attention core is."""

from abc import ABC, abstractmethod

import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.attention.qkv.logits import Logits, repeat_heads
from tuneformer.models.attention.settings import QKVAttentionSettings


class AttentionCore(nn.Module, ABC):
    """Mixes values by queries and keys that are ready: projected, normed, positioned, in heads.

    It has two paths. `forward` is the one to train on. `weights` gives the weights themselves, such
    that `weights(q, k, mask) @ v` equals `forward(q, k, v, mask)` in evaluation.
    """

    def __init__(
        self, *, layer: LayerSpec, settings: QKVAttentionSettings, default_scale: float | None = None
    ) -> None:
        """`default_scale`: see Logits."""
        super().__init__()
        self.logits = Logits(layer=layer, settings=settings, default_scale=default_scale)
        self.dropout = layer.dropout

    def forward(
        self,
        q: Float[Tensor, "batch head query dim"],
        k: Float[Tensor, "batch kv_head key dim"],
        v: Float[Tensor, "batch kv_head key value"],
        mask: AttentionMask,
    ) -> Float[Tensor, "batch mixed_head query value"]:
        """Return the mixed values by the fastest way: the explicit one, where there is no faster."""
        weights = self.weights(q, k, mask)
        return F.dropout(weights, self.dropout, self.training) @ repeat_heads(v, weights.shape[1])

    @abstractmethod
    def weights(
        self,
        q: Float[Tensor, "batch head query dim"],
        k: Float[Tensor, "batch kv_head key dim"],
        mask: AttentionMask,
    ) -> Float[Tensor, "batch mixed_head query key"]:
        """Return the weight of each key for each query, before dropout."""

    def allowed(self, q: Tensor, k: Tensor, mask: AttentionMask) -> Bool[Tensor, "*_ _ _"] | None:
        """Return which keys a query may see, of all keys there are; None: all."""
        return mask.allowed(q.shape[2], k.shape[2], q.device)

    def distance(self, q: Tensor, k: Tensor, mask: AttentionMask) -> Int[Tensor, "query key"] | None:
        """Return how far keys lie before queries, where the logits have a bias."""
        return None if self.logits.bias is None else mask.distances(q.shape[2], k.shape[2], q.device)
