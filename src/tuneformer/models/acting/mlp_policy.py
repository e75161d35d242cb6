"""An action from the present state alone: the baseline without memory."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor, nn

from tuneformer.models.acting.policy import Policy, Steps
from tuneformer.models.acting.settings import MlpPolicySettings
from tuneformer.models.flops import matrix_flops


@dataclass(kw_only=True)
class NoMemory:
    """Of the steps before nothing is kept."""

    n_steps: int = 0


class MlpPolicy(Policy):
    """W_output h + b at each step, where h goes from the state, and the return to go, through n_layers of
    h = gelu(W h + b), each followed by dropout.
    """

    def __init__(self, *, settings: MlpPolicySettings) -> None:
        super().__init__(settings)
        width = settings.d_model
        with self.drawn_once():
            self.return_vector_embedding = nn.Linear(1, width) if settings.returns else None
            self.state_vector_embedding = nn.Linear(settings.n_states, width)
            self.layers = nn.ModuleList(
                nn.Sequential(nn.GELU(), nn.Dropout(settings.dropout), nn.Linear(width, width))
                for _ in range(settings.n_layers)
            )
            self.activation = nn.GELU()
            self.output = nn.Linear(width, settings.n_actions)

    def forward(
        self,
        returns: Float[Tensor, "batch time"],
        states: Float[Tensor, "batch time state"],
        actions: Float[Tensor, "batch time action"],
        times: Int[Tensor, "batch time"],
    ) -> Float[Tensor, "batch time action"]:
        """Return the output at each step."""
        del actions, times
        dtype = self.output.weight.dtype
        h = self.state_vector_embedding(states.to(dtype))
        if self.return_vector_embedding is not None:
            h = h + self.return_vector_embedding(returns.to(dtype).unsqueeze(-1))
        for layer in self.layers:
            h = layer(h)
        return self.output(self.activation(h))

    def new_memory(self) -> NoMemory:
        """Return what remembers nothing."""
        return NoMemory()

    def next_action(self, steps: Steps, memory: NoMemory) -> Float[Tensor, "batch action"]:
        """Return the output at the last of the steps."""
        memory.n_steps = steps.times.shape[1]
        return self(*steps.behind(memory.n_steps - 1))[:, -1]

    def forward_flops(self, n_tokens: int | float) -> float:
        """Return the operations of a forward pass over so many steps."""
        return n_tokens * matrix_flops(self)
