"""What every model that acts is called with."""

from abc import abstractmethod
from typing import Any, NamedTuple

from jaxtyping import Float, Int
from torch import Tensor

from tuneformer.models.family import ModelFamily


class Steps(NamedTuple):
    """Steps of episodes, one behind the other; of the last one `actions` may not be known yet.

    returns: the return that is still to come, or is asked for; times: steps since the episode began.
    """

    returns: Float[Tensor, "batch time"]
    states: Float[Tensor, "batch time state"]
    actions: Float[Tensor, "batch time action"]
    times: Int[Tensor, "batch time"]

    def behind(self, first: int) -> "Steps":
        """The steps from number `first` on."""
        return Steps(*(part[:, first:] for part in self))


class Policy(ModelFamily):
    """A model whose output at a step is the action there: a logit for each, or its elements.

    The output knows returns and states up to its step, and actions before it.
    """

    @abstractmethod
    def forward(
        self,
        returns: Float[Tensor, "batch time"],
        states: Float[Tensor, "batch time state"],
        actions: Float[Tensor, "batch time action"],
        times: Int[Tensor, "batch time"],
    ) -> Float[Tensor, "batch time action"]:
        """Return the output at each step."""

    @abstractmethod
    def new_memory(self) -> Any:
        """Return an empty memory for acting step by step."""

    @abstractmethod
    def next_action(self, steps: Steps, memory: Any) -> Float[Tensor, "batch action"]:
        """Return the output at the last of the steps; `memory` holds the first of them, and then all."""
