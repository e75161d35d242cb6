"""Which document each token of a text is in, and where it stands there."""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class SeparateDocuments:
    """Documents that lie behind one another in a text and do not see each other.

    A document goes from a start token up to the next; tokens before the first one are a document too.

    Attributes:
        numbers: the document of each key, those in a cache included.
        positions: where each stands in its document, from 0.
    """

    numbers: Int[Tensor, "batch key"]
    positions: Int[Tensor, "batch key"]

    @classmethod
    def of(cls, tokens: Int[Tensor, "batch key"], start: int) -> "SeparateDocuments":
        """Return those that a start token begins."""
        starts = tokens == start
        places = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
        first = torch.where(starts, places, 0).cummax(dim=1).values
        return cls(numbers=starts.cumsum(dim=1), positions=places - first)

    def last(self, n_tokens: int) -> Int[Tensor, "batch time"]:
        """Return where the last tokens stand in their documents: those that are not in a cache."""
        return self.positions[:, -n_tokens:]
