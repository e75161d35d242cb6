"""What a model that turns one sequence into another can do, whatever it is made of."""

from abc import ABC, abstractmethod

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


class DecodingState(ABC):
    """What is kept of the sources and of the targets so far, while targets are written token by token."""

    @abstractmethod
    def select(self, rows: Int[Tensor, " new_batch"]) -> None:
        """Go on with these sequences of the batch, in this order; one may be taken more than once."""


class SequenceToSequence(nn.Module, ABC):
    """p(target_t | source, target_<t), for all t at once in training and one after the other in use.

    Source and target have one vocabulary. `visible` is true where a token of the source is one and false
    where it is padding; the tokens of a row come first, one at least.
    """

    context_length: int
    """The longest target that can be written."""

    @abstractmethod
    def forward(
        self,
        source: Int[Tensor, "batch source"],
        visible: Bool[Tensor, "batch source"],
        target: Int[Tensor, "batch target"],
    ) -> Float[Tensor, "batch target vocab"]:
        """Return the logits of the token after each token of the target."""

    @abstractmethod
    def begin(
        self, source: Int[Tensor, "batch source"], visible: Bool[Tensor, "batch source"]
    ) -> DecodingState:
        """Read the sources; for use without gradients."""

    @abstractmethod
    def advance(self, tokens: Int[Tensor, " batch"], state: DecodingState) -> Float[Tensor, "batch vocab"]:
        """Add a token to each target; return the logits of the next."""
