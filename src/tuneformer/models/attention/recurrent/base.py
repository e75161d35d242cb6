"""Attention whose past is a state of fixed size."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tuneformer.errors import UserError
from tuneformer.models.attention.base import AttentionBase
from tuneformer.models.attention.explicit import SeenAttention
from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.settings import RecurrentAttentionSettings
from tuneformer.models.forward_pass import ForwardPass
from tuneformer.models.key_value_cache import LayerCache

HeadVectors = Float[Tensor, "batch head time dim"]
Gate = Float[Tensor, "_ head time _"]  # a number for each token and head, or `dim` of them


class RecurrentState(LayerCache):
    """The state of one layer after the tokens so far; None before the first."""

    def __init__(self) -> None:
        self.state: Tensor | None = None

    def select(self, rows: Int[Tensor, " new_batch"]) -> None:
        if self.state is not None:
            self.state = self.state[rows]


class RecurrentCore(nn.Module, ABC):
    """Carries a state from token to token, S_t from S_(t-1), k_t and v_t, and reads it with q_t.

    `forward` trains, in chunks; `weights` gives the map from values to outputs that it amounts to. A gate
    of 0 forgets nothing, and a key and value of 0 add nothing: that is what padding is given.
    """

    @abstractmethod
    def forward(
        self, q: HeadVectors, k: HeadVectors, v: HeadVectors, gate: Gate | None, state: Tensor | None
    ) -> tuple[HeadVectors, Tensor]:
        """Return the outputs and the state after the last token; `state`: that before the first."""

    @abstractmethod
    def weights(
        self, q: HeadVectors, k: HeadVectors, gate: Gate | None
    ) -> Float[Tensor, "batch head time time"]:
        """Return the map A with outputs A v, from an empty state."""


class RecurrentAttentionBase(AttentionBase):
    """Projections and positions around a RecurrentCore: time and memory grow with the text alone.

    There are no attention weights to drop: model.dropout acts on the branch and not within it. All is
    computed in float32 where the model has fewer bits, as errors of a state add up.
    """

    def __init__(
        self, *, layer: LayerSpec, settings: RecurrentAttentionSettings, core: RecurrentCore
    ) -> None:
        """Build the projections of `layer`.

        Raises:
            UserError: positions are to bias logits, which there are none of, or the layer cannot have it.
        """
        super().__init__(layer=layer, settings=settings)
        if layer.separates:
            kind = type(self).__name__
            raise UserError(
                f"data.documents=separate does not go with {kind}, whose state goes on: take packed"
            )
        if layer.logit_bias is not None and layer.logit_bias(n_heads=layer.n_heads, causal=layer.causal):
            kind = type(self).__name__
            raise UserError(
                f"model.positions is a bias on attention logits, and {kind} has none: choose rope"
            )
        self.query = self.linear(layer.d_model, layer.d_model)
        self.key = self.linear(layer.d_model, layer.d_model)
        self.value = self.linear(layer.d_model, layer.d_model)
        self.output = self.linear(layer.d_model, layer.d_model)
        self.positions = layer.head_positions(head_dim=self.head_dim)
        self.core = core

    def features(self, q: HeadVectors, k: HeadVectors, start: int) -> tuple[HeadVectors, HeadVectors]:
        """Return queries and keys as the core takes them, the first at position `start`: rotated."""
        return self.rotate(q, k, start)

    def gate(self, x: Float[Tensor, "batch time d_model"]) -> Gate | None:
        """Return what the core forgets or writes by, from the tokens; None where it has no gate."""
        return None

    def forward(
        self, x: Float[Tensor, "batch time d_model"], shared: ForwardPass
    ) -> Float[Tensor, "batch time d_model"]:
        """Return what the tokens gather from the state."""
        q, k, v = (self.split_heads(linear(x)) for linear in (self.query, self.key, self.value))
        gate = self.gate(x)
        with torch.autocast(x.device.type, enabled=False):
            q, k, v = (full_precision(y) for y in (q, k, v))
            q, k = self.features(q, k, shared.start)
            if gate is not None:
                gate = gate.to(q.dtype)
            if shared.mask.visible is not None:
                here = shared.mask.visible[:, None, -x.shape[1] :, None]
                k, v = k.masked_fill(~here, 0.0), v.masked_fill(~here, 0.0)
                gate = None if gate is None else torch.where(here, gate, 0.0)
            mixed = self.mix(q, k, v, gate, shared)
        return self.finish(mixed.to(x.dtype), x)

    def mix(
        self,
        q: HeadVectors,
        k: HeadVectors,
        v: HeadVectors,
        gate: Gate | None,
        shared: ForwardPass,
    ) -> HeadVectors:
        """Run the core: in chunks, or by its weights where someone wants to see or edit them."""
        if self.is_watched:
            if shared.cache is not None:
                raise UserError(
                    f"{type(self).__name__} keeps no keys: its weights can be seen without a cache only"
                )
            return self.seen(self.core.weights(q, k, gate), v, shared)
        if shared.cache is None:
            return self.core(q, k, v, gate, None)[0]
        cache = self.cache_of(shared.cache, RecurrentState)
        mixed, cache.state = self.core(q, k, v, gate, cache.state)
        return mixed

    def seen(
        self, weights: Float[Tensor, "batch head time time"], v: HeadVectors, shared: ForwardPass
    ) -> HeadVectors:
        """Let the weights be edited and watched, and mix by them."""
        weights = self.edited(self.layer.site, weights)
        if self.watch is not None:
            allowed = shared.mask.allowed(v.shape[2], v.shape[2], v.device)
            seen = SeenAttention(weights=weights, values=v, logits=None, allowed=allowed)
            self.watch(self.layer.site, seen)
        return weights @ v

    def rotate(self, q: HeadVectors, k: HeadVectors, start: int) -> tuple[HeadVectors, HeadVectors]:
        """Put positions into queries and keys, where the model rotates them."""
        if self.positions is None:
            return q, k
        q, k = self.positions(q.transpose(1, 2), k.transpose(1, 2), start)
        return q.transpose(1, 2), k.transpose(1, 2)

    def new_cache(self) -> RecurrentState:
        """Return an empty state."""
        return RecurrentState()

    def mixing_flops(self, n_keys: int) -> float:
        """Return 4 d_model head_dim, however many keys: k v^T into the state, and q out of it."""
        return 4.0 * self.layer.d_model * self.head_dim


def empty_state(
    k: HeadVectors, v: Float[Tensor, "batch head time value"]
) -> Float[Tensor, "batch head dim value"]:
    """Return the state of nothing."""
    return k.new_zeros(*k.shape[:2], k.shape[-1], v.shape[-1])


def full_precision(x: Tensor) -> Tensor:
    """Return x in float32, or float64 where it is that."""
    return x if x.dtype == torch.float64 else x.float()
