"""Attention of one recurrent state to the states of an LSTM encoder."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from tuneformer.models.attention.explicit import SeenAttention, Watched
from tuneformer.models.attention.layer_spec import AttentionSite
from tuneformer.models.attention.mask import AttentionMask, masked_softmax
from tuneformer.models.choice import choose
from tuneformer.models.flops import matrix_flops


class AlignmentScore(nn.Module, ABC):
    """The score of each state of the encoder for a query."""

    key: nn.Linear

    @abstractmethod
    def keys(self, states: Float[Tensor, "batch key d_model"]) -> Float[Tensor, "batch key d_model"]:
        """Return what the scores need of the states, computed once for all queries."""

    @abstractmethod
    def forward(
        self, query: Float[Tensor, "batch d_model"], keys: Float[Tensor, "batch key d_model"]
    ) -> Float[Tensor, "batch key"]:
        """Return the scores."""


class AdditiveScore(AlignmentScore):
    """v^T tanh(W q + U k_j) (Bahdanau et al., arXiv 1409.0473, appendix A.1.2)."""

    def __init__(self, *, d_model: int) -> None:
        super().__init__()
        self.query = nn.Linear(d_model, d_model, bias=False)
        self.key = nn.Linear(d_model, d_model, bias=False)
        self.score = nn.Linear(d_model, 1, bias=False)

    def keys(self, states: Float[Tensor, "batch key d_model"]) -> Float[Tensor, "batch key d_model"]:
        return self.key(states)

    def forward(
        self, query: Float[Tensor, "batch d_model"], keys: Float[Tensor, "batch key d_model"]
    ) -> Float[Tensor, "batch key"]:
        return self.score(torch.tanh(self.query(query).unsqueeze(1) + keys)).squeeze(-1)


class MultiplicativeScore(AlignmentScore):
    """q^T W k_j, called "general" (Luong et al., arXiv 1508.04025, 3.1)."""

    def __init__(self, *, d_model: int) -> None:
        super().__init__()
        self.key = nn.Linear(d_model, d_model, bias=False)

    def keys(self, states: Float[Tensor, "batch key d_model"]) -> Float[Tensor, "batch key d_model"]:
        return self.key(states)

    def forward(
        self, query: Float[Tensor, "batch d_model"], keys: Float[Tensor, "batch key d_model"]
    ) -> Float[Tensor, "batch key"]:
        return (keys @ query.unsqueeze(-1)).squeeze(-1)


SCORES: dict[str, type[AlignmentScore]] = {
    "additive": AdditiveScore,
    "multiplicative": MultiplicativeScore,
}


class Source(NamedTuple):
    """What there is to look at: the encoder's states, what scores need of them, and which are tokens."""

    states: Float[Tensor, "batch key d_model"]
    keys: Float[Tensor, "batch key d_model"]
    visible: Bool[Tensor, "batch key"]

    def select(self, rows: Int[Tensor, " new_batch"]) -> "Source":
        """Return those of these sequences of the batch, in this order."""
        return Source(*(part[rows] for part in self))


class Alignment(Watched):
    """c = sum over tokens of a_j h_j, a = softmax over the tokens of the scores (1409.0473, equations 5, 6).

    Its weights are seen and edited as those of an attention module with one head, an entry for each query.
    """

    def __init__(self, *, score: str, d_model: int, site: AttentionSite) -> None:
        super().__init__()
        self.score = choose("model.score", score, SCORES)(d_model=d_model)
        self.site = site

    def read(self, states: Float[Tensor, "batch key d_model"], visible: Bool[Tensor, "batch key"]) -> Source:
        """Return the source, ready to be looked at by any number of queries."""
        return Source(states, self.score.keys(states), visible)

    def forward(
        self, query: Float[Tensor, "batch d_model"], source: Source
    ) -> Float[Tensor, "batch d_model"]:
        """Return what the query gathers; nothing from padding."""
        scores = self.score(query, source.keys)[:, None, None, :]
        mask = AttentionMask(causal=False, visible=source.visible)
        allowed = mask.allowed(1, scores.shape[-1], scores.device)
        weights = self.edited(self.site, masked_softmax(scores, allowed))
        if self.watch is not None:
            values = source.states.unsqueeze(1)
            seen = SeenAttention(weights=weights, values=values, logits=scores, allowed=allowed)
            self.watch(self.site, seen)
        return (weights[:, 0] @ source.states).squeeze(1)

    def flops(self, *, n_queries: int | float, n_keys: int | float) -> float:
        """Return the operations of a forward pass: keys, queries, scores (a product of d numbers), sums."""
        d_model = self.score.key.in_features
        queries = n_queries * matrix_flops(getattr(self.score, "query", None))
        return n_keys * matrix_flops(self.score.key) + queries + 4.0 * d_model * n_queries * n_keys
