"""Attention of one recurrent state to the states of an LSTM encoder."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from tuneformer.models.attention.mask import AttentionMask, masked_softmax
from tuneformer.models.choice import choose


class AlignmentScore(nn.Module, ABC):
    """The score of each state of the encoder for a query."""

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


def make_score(name: str, *, d_model: int) -> AlignmentScore:
    """Return the score that `model.score` names."""
    return choose("model.score", name, SCORES)(d_model=d_model)


def alignment_weights(
    scores: Float[Tensor, "batch key"], visible: Bool[Tensor, "batch key"]
) -> Float[Tensor, "batch key"]:
    """a_j = exp(e_j) / sum over tokens of exp(e_j); 0 at padding (arXiv 1409.0473, equation 6)."""
    mask = AttentionMask(causal=False, visible=visible)
    allowed = mask.allowed(1, scores.shape[1], scores.device)
    return masked_softmax(scores[:, None, None, :], allowed)[:, 0, 0]
