"""Which keys a query may see."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class AttentionMask:
    """Which keys a query may see.

    The last query and the last key are the same token, whatever lies before in a cache: with
    `causal`, query i of Q sees the keys j of K with j <= i + K - Q.
    """

    causal: bool

    def allowed(self, n_queries: int, n_keys: int, device: torch.device) -> Bool[Tensor, "query key"] | None:
        """Return true where a query may see a key; None where all may."""
        if not self.causal or n_queries == 1:
            return None
        everything = torch.ones(n_queries, n_keys, dtype=torch.bool, device=device)
        return everything.tril(diagonal=n_keys - n_queries)
