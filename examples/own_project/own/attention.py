"""An attention core."""

from torch import Tensor

from tuneformer.models.attention.base import QKVAttentionBase
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.attention.qkv.core import AttentionCore


class SquaredReLUCore(AttentionCore):
    """relu(logits)^2 over the number of visible keys."""

    def weights(self, q: Tensor, k: Tensor, mask: AttentionMask) -> Tensor:
        """Return the weights, (batch, head, query, key)."""
        weights = self.logits(q, k, self.distance(q, k, mask)).relu().square()
        allowed = mask.allowed(q.shape[2], k.shape[2], q.device)
        if allowed is None:
            return weights / k.shape[2]
        return weights.masked_fill(~allowed, 0.0) / allowed.sum(dim=-1, keepdim=True).clamp(min=1)


class SquaredReLUAttention(QKVAttentionBase):
    """head_h = relu(scale Q_h K_h^T)^2 V_h / (number of visible keys)."""

    core_class = SquaredReLUCore
