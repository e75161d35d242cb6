"""An action from the state of an LSTM: the baseline with memory and without attention."""

from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from tuneformer.models.acting.policy import Policy, Steps
from tuneformer.models.acting.settings import LstmPolicySettings
from tuneformer.models.flops import matrix_flops
from tuneformer.models.recurrent.lstm import Lstm, LstmState


@dataclass(kw_only=True)
class StateOfSteps:
    """The state behind so many steps; None before the first."""

    state: LstmState | None = None
    n_steps: int = 0


class LstmPolicy(Policy):
    """W_output h_t + b, where h_t is the state of an LSTM that reads R_t, s_t and a_(t-1) at step t.

    Each of them has its own matrix, and the sum is read; a window's first step has no action before it.
    """

    def __init__(self, *, settings: LstmPolicySettings) -> None:
        super().__init__(settings)
        width = settings.d_model
        with self.drawn_once():
            self.return_vector_embedding = nn.Linear(1, width) if settings.returns else None
            self.state_vector_embedding = nn.Linear(settings.n_states, width)
            self.action_vector_embedding = nn.Linear(settings.n_actions, width, bias=False)
            self.lstm = Lstm(
                width,
                width,
                num_layers=settings.n_layers,
                dropout=settings.dropout if settings.n_layers > 1 else 0.0,
                batch_first=True,
            )
            self.dropout = nn.Dropout(settings.dropout)
            self.output = nn.Linear(width, settings.n_actions)

    def forward(
        self,
        returns: Float[Tensor, "batch time"],
        states: Float[Tensor, "batch time state"],
        actions: Float[Tensor, "batch time action"],
        times: Int[Tensor, "batch time"],
    ) -> Float[Tensor, "batch time action"]:
        """Return the output at each step."""
        hidden, _ = self.lstm(self._read(Steps(returns, states, actions, times)))
        return self.output(self.dropout(hidden))

    def new_memory(self) -> StateOfSteps:
        """Return the memory of no step."""
        return StateOfSteps()

    def next_action(self, steps: Steps, memory: StateOfSteps) -> Float[Tensor, "batch action"]:
        """Return the output at the last of the steps; `memory` holds the first of them, and then all."""
        known = memory.n_steps
        # the action before the first new step is that of the last known one
        x = self._read(steps.behind(max(known - 1, 0)))[:, int(known > 0) :]
        hidden, state = self.lstm(x, memory.state)
        memory.state, memory.n_steps = LstmState(*state), steps.times.shape[1]
        return self.output(self.dropout(hidden[:, -1]))

    def _read(self, steps: Steps) -> Float[Tensor, "batch time d_model"]:
        dtype = self.output.weight.dtype
        before = F.pad(steps.actions[:, :-1].to(dtype), (0, 0, 1, 0))
        x = self.state_vector_embedding(steps.states.to(dtype)) + self.action_vector_embedding(before)
        if self.return_vector_embedding is None:
            return x
        return x + self.return_vector_embedding(steps.returns.to(dtype).unsqueeze(-1))

    def forward_flops(self, n_tokens: int | float) -> float:
        """Return the operations of a forward pass over so many steps."""
        return n_tokens * matrix_flops(self)
