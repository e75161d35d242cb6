"""Which keys a query may see."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tuneformer.models.attention.separate_documents import SeparateDocuments


@dataclass(frozen=True, kw_only=True, slots=True)
class AttentionMask:
    """Which keys a query may see.

    With `causal` the last query and the last key are the same token, whatever lies before in a cache:
    query i of Q sees the keys j of K with j <= i + K - Q. Without it there may be as many queries as one
    likes. A query that may see nothing gathers nothing: its weights and its output are 0.

    Attributes:
        causal: whether a query may never see the keys after it.
        visible: of a padded batch, true where a key is a token and false where it is padding, those in a
            cache included; None: every key is a token.
        positions: where each key stands, where a cache has forgotten some; None: at 0 to K - 1.
        documents: those that a query sees its own of alone; None: all keys are in one.
    """

    causal: bool
    visible: Bool[Tensor, "batch key"] | None = None
    positions: Int[Tensor, " key"] | None = None
    documents: SeparateDocuments | None = None

    @property
    def is_order_alone(self) -> bool:
        """Whether a query sees its own key and all before it: what torch's own causal mask says."""
        return self.causal and self.visible is None and self.documents is None

    def allowed(self, n_queries: int, n_keys: int, device: torch.device) -> Bool[Tensor, "*_ _ _"] | None:
        """Return true where a query may see a key; None where all may.

        The shape is (query, key), and with padding or documents (batch, 1, query or 1, key).
        """
        order = None
        if self.causal and n_queries > 1:
            everything = torch.ones(n_queries, n_keys, dtype=torch.bool, device=device)
            order = everything.tril(diagonal=n_keys - n_queries)
        if self.documents is not None:
            numbers = self.documents.numbers
            assert numbers.shape[1] == n_keys, f"documents of {numbers.shape[1]} keys for {n_keys}"
            own = (numbers[:, -n_queries:, None] == numbers[:, None, :])[:, None]
            order = own if order is None else own & order
        if self.visible is None:
            return order
        assert self.visible.shape[1] == n_keys, f"padding of {self.visible.shape[1]} keys for {n_keys}"
        visible = self.visible[:, None, None, :]
        return visible if order is None else order & visible

    def distances(self, n_queries: int, n_keys: int, device: torch.device) -> Int[Tensor, "query key"]:
        """Return the position of each query minus that of each key; the last query is the last key."""
        keys = torch.arange(n_keys, device=device) if self.positions is None else self.positions
        return keys[n_keys - n_queries :, None] - keys


def masked_softmax(
    logits: Float[Tensor, "batch head query key"], allowed: Bool[Tensor, "*_ _ _"] | None
) -> Float[Tensor, "batch head query key"]:
    """Return the softmax over the allowed keys; zeros where none is, also in the gradient."""
    if allowed is None:
        return logits.softmax(dim=-1)
    # not infinity: a row without any key would be 0 / 0, and its gradient with it
    logits = logits.masked_fill(~allowed, torch.finfo(logits.dtype).min)
    return logits.softmax(dim=-1).masked_fill(~allowed, 0.0)
