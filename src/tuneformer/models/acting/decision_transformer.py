"""A decoder over returns, states and actions."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tuneformer.models.acting.policy import Policy, Steps
from tuneformer.models.acting.settings import DecisionTransformerSettings
from tuneformer.models.attention.base import AttentionBase
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.flops import matrix_flops, mixing_flops
from tuneformer.models.forward_pass import ForwardPass
from tuneformer.models.key_value_cache import KeyValueCache
from tuneformer.models.stack import Stack, Transformer, make_blocks, make_final_norm


@dataclass(kw_only=True)
class TokensOfSteps:
    """The cache of the tokens of so many steps: all of them but the action of the last."""

    cache: KeyValueCache
    n_steps: int = 0


class DecisionTransformer(Transformer, Policy):
    """The action at each step, from the tokens R_0, s_0, a_0, R_1, s_1, a_1, ... up to its state.

    A token is W x + b of a return to go, a state or an action, each with its own W, plus a learned vector of
    the step in the episode (`time_embedding`); with `positions` also its place among the tokens is known. The
    output is W_output norm(x) + b at the token of the state (Chen et al., arXiv 2106.01345). Without returns
    (`returns: false`) there are two tokens a step, and it clones the behaviour of the data.
    """

    def __init__(
        self, *, settings: DecisionTransformerSettings, attention: Callable[..., AttentionBase]
    ) -> None:
        """Build on torch's default device; `attention(layer=LayerSpec)` makes a layer's attention module.

        Raises:
            UserError: a setting that cannot be built.
        """
        super().__init__(settings)
        self.tokens_a_step = 3 if settings.returns else 2
        self.n_tokens = self.tokens_a_step * settings.context_length
        stack = Stack(name="decoder", causal=True, context_length=self.n_tokens, settings=settings)
        width = settings.d_model
        with self.drawn_once():
            self.return_vector_embedding = nn.Linear(1, width) if settings.returns else None
            self.state_vector_embedding = nn.Linear(settings.n_states, width)
            self.action_vector_embedding = nn.Linear(settings.n_actions, width)
            self.time_position_embedding = (
                nn.Embedding(settings.n_times, width) if settings.time_embedding else None
            )
            self.position_embedding = stack.positions.embedding(d_model=width)
            self.dropout = nn.Dropout(settings.dropout)
            self.blocks = make_blocks(stack, attention=attention, reads_memory=False)
            self.norm = make_final_norm(stack)
            self.output = nn.Linear(width, settings.n_actions)

    def forward(
        self,
        returns: Float[Tensor, "batch time"],
        states: Float[Tensor, "batch time state"],
        actions: Float[Tensor, "batch time action"],
        times: Int[Tensor, "batch time"],
    ) -> Float[Tensor, "batch time action"]:
        """Return the output at each step."""
        x = self._through_layers(self.tokens(Steps(returns, states, actions, times)), cache=None)
        return self._answer(x[:, self.tokens_a_step - 2 :: self.tokens_a_step])

    def new_memory(self) -> TokensOfSteps:
        """Return an empty memory, with room for the model's context."""
        shells = (module for module in self.modules() if isinstance(module, AttentionBase))
        layers = {shell.layer.site: shell.new_cache() for shell in shells}
        return TokensOfSteps(cache=KeyValueCache(layers=layers, capacity=self.n_tokens))

    def next_action(self, steps: Steps, memory: TokensOfSteps) -> Float[Tensor, "batch action"]:
        """Return the output at the last of the steps; `memory` holds the first of them, and then all."""
        known = memory.n_steps
        # of the last step that is held the action is known only now
        tokens = self.tokens(steps.behind(max(known - 1, 0)))
        tokens = tokens[:, (self.tokens_a_step - 1) * (known > 0) : -1]
        x = self._through_layers(tokens, cache=memory.cache)
        memory.n_steps = steps.times.shape[1]
        return self._answer(x[:, -1])

    def tokens(self, steps: Steps) -> Float[Tensor, "batch token d_model"]:
        """Return the embedded tokens of the steps, in their order."""
        dtype = self.output.weight.dtype
        kinds = [
            self.state_vector_embedding(steps.states.to(dtype)),
            self.action_vector_embedding(steps.actions.to(dtype)),
        ]
        if self.return_vector_embedding is not None:
            kinds.insert(0, self.return_vector_embedding(steps.returns.to(dtype).unsqueeze(-1)))
        tokens = torch.stack(kinds, dim=2)  # (B, T, kind, d_model)
        if self.time_position_embedding is not None:
            tokens = tokens + self.time_position_embedding(steps.times).unsqueeze(2)
        return tokens.flatten(1, 2)

    def _through_layers(
        self, x: Float[Tensor, "batch token d_model"], *, cache: KeyValueCache | None
    ) -> Float[Tensor, "batch token d_model"]:
        start = 0 if cache is None else cache.length
        if self.position_embedding is not None:
            x = self.embedding_scale * x + self.position_embedding(start, x.shape[1]).to(x.dtype)
        x = self.dropout(x)
        shared = ForwardPass(start=start, mask=AttentionMask(causal=True), cache=cache)
        for block in self.blocks:
            x = block(x, shared)
        if cache is not None:
            cache.length += x.shape[1]
        return x

    def _answer(self, x: Tensor) -> Tensor:
        return self.output(self.norm(x))

    def n_positions(self, n_tokens: int | float) -> int | float:
        """Return the tokens of so many steps."""
        return self.tokens_a_step * n_tokens

    def forward_flops(self, n_tokens: int | float) -> float:
        """Return the operations of a forward pass over so many steps."""
        n_keys = self.n_positions(n_tokens)
        embeddings = (
            self.return_vector_embedding,
            self.state_vector_embedding,
            self.action_vector_embedding,
        )
        a_step = matrix_flops(*embeddings, self.output)
        a_token = matrix_flops(self.blocks, self.norm)
        return n_tokens * a_step + n_keys * (
            a_token + mixing_flops(self.blocks, n_keys=n_keys, stacks=("decoder",))
        )
