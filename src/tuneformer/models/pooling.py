"""From one vector for each token to one for the whole sequence."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from tuneformer.models.attention.explicit import SeenAttention, Watched
from tuneformer.models.attention.layer_spec import AttentionSite
from tuneformer.models.attention.mask import AttentionMask, masked_softmax
from tuneformer.models.choice import choose


class Pooling(nn.Module, ABC):
    """One vector from those of the tokens; padding has no say."""

    adds_class_token = False
    """Whether it reads a learned token that stands before all others."""
    flops_per_token = 0.0
    """Operations of a forward pass; a sum is none of note."""

    @abstractmethod
    def forward(
        self, x: Float[Tensor, "batch time d_model"], visible: Bool[Tensor, "batch time"] | None
    ) -> Float[Tensor, "batch d_model"]:
        """Return it; `visible`: true where x is of a token, None where it is everywhere."""


class MeanPooling(Pooling):
    """The mean over the tokens; 0 where there is none."""

    def forward(
        self, x: Float[Tensor, "batch time d_model"], visible: Bool[Tensor, "batch time"] | None
    ) -> Float[Tensor, "batch d_model"]:
        if visible is None:
            return x.mean(dim=1)
        total = torch.where(visible.unsqueeze(-1), x, 0.0).sum(dim=1)
        return total / visible.sum(dim=1, keepdim=True).clamp(min=1)


class FirstTokenPooling(Pooling):
    """The vector of a learned token that stands before all others (arXiv 1810.04805, 2010.11929)."""

    adds_class_token = True

    def forward(
        self, x: Float[Tensor, "batch time d_model"], visible: Bool[Tensor, "batch time"] | None
    ) -> Float[Tensor, "batch d_model"]:
        return x[:, 0]


class AttentionPooling(Watched, Pooling):
    """sum over t of a_t x_t, a = softmax over the tokens of w^T x_t (arXiv 2008.01077, 3.2).

    Its weights are seen and edited as those of an attention module with one head and one query, at the
    site ("pooling", 0).
    """

    def __init__(self, *, d_model: int) -> None:
        super().__init__()
        self.score = nn.Linear(d_model, 1, bias=False)
        self.flops_per_token = 4.0 * d_model  # w^T x_t, and a_t x_t

    def forward(
        self, x: Float[Tensor, "batch time d_model"], visible: Bool[Tensor, "batch time"] | None
    ) -> Float[Tensor, "batch d_model"]:
        mask = AttentionMask(causal=False, visible=visible)
        logits = self.score(x).mT.unsqueeze(1)  # (B, T, 1) -> (B, 1, 1, T)
        allowed = mask.allowed(1, x.shape[1], x.device)
        site = AttentionSite("pooling", 0)
        weights = self.edited(site, masked_softmax(logits, allowed))
        if self.watch is not None:
            values = x.unsqueeze(1)
            self.watch(site, SeenAttention(weights=weights, values=values, logits=logits, allowed=allowed))
        return (weights[:, 0] @ x).squeeze(1)


def _mean(d_model: int) -> Pooling:
    del d_model
    return MeanPooling()


def _first(d_model: int) -> Pooling:
    del d_model
    return FirstTokenPooling()


def _attention(d_model: int) -> Pooling:
    return AttentionPooling(d_model=d_model)


POOLINGS = {"mean": _mean, "first": _first, "attention": _attention}


def make_pooling(name: str, *, d_model: int) -> Pooling:
    """Return the pooling that `model.pooling` names."""
    return choose("model.pooling", name, POOLINGS)(d_model)
