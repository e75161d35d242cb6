"""The part that all attention modules share: the output projection, heads, the cache, explicit weights."""

from abc import ABC, abstractmethod
from typing import TypeVar

from jaxtyping import Float
from torch import Tensor, nn

from tuneformer.errors import UserError
from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.watched import Watched
from tuneformer.models.forward_pass import ForwardPass
from tuneformer.models.key_value_cache import KeyValueCache, LayerCache

Cache = TypeVar("Cache", bound=LayerCache)


class AttentionShell(Watched, ABC):
    """What a model calls an attention module: y = W_output mix(x), heads of d_model / n_heads numbers.

    A module of conf/attention is built from it by way of `LogitShell`, where each pair of query and key
    has a logit, or `RecurrentShell`, where the past is a state. It makes the matrix `output`.
    """

    output: nn.Linear

    def __init__(self, *, layer: LayerSpec) -> None:
        """Build what needs only the layer.

        Raises:
            UserError: the width cannot be divided into heads.
        """
        super().__init__()
        if layer.d_model % layer.n_heads:
            raise UserError(
                f"model.d_model={layer.d_model} must be a multiple of model.n_heads={layer.n_heads}"
            )
        self.layer = layer
        self.head_dim = layer.d_model // layer.n_heads

    @abstractmethod
    def forward(
        self, x: Float[Tensor, "batch time d_model"], shared: ForwardPass
    ) -> Float[Tensor, "batch time d_model"]:
        """Return what the tokens gather from those they may see."""

    @abstractmethod
    def new_cache(self) -> LayerCache:
        """Return an empty cache for this layer."""

    @abstractmethod
    def mixing_flops(self, n_keys: int) -> float:
        """Return the operations that mixing `n_keys` keys costs one query, forward: q k^T and weights @ v.

        A multiplication and an addition count as two; the projections are parameters and not counted.
        """

    def linear(self, width_in: int, width_out: int) -> nn.Linear:
        """Return a linear layer, with a bias where the model has them."""
        return nn.Linear(width_in, width_out, bias=self.layer.bias)

    def finish(
        self, mixed: Float[Tensor, "batch head time value"], x: Float[Tensor, "batch time d_model"]
    ) -> Float[Tensor, "batch time d_model"]:
        """Join the heads and project them; `x` is for modules that gate them by it."""
        return self.output(self.join_heads(mixed))

    def split_heads(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch head time dim"]:
        """Cut vectors into heads of head_dim numbers."""
        return x.unflatten(2, (-1, self.head_dim)).transpose(1, 2)

    def join_heads(self, x: Float[Tensor, "batch head time dim"]) -> Float[Tensor, "batch time width"]:
        """Concatenate the heads again."""
        return x.transpose(1, 2).flatten(2)

    def cache_of(self, cache: KeyValueCache, kind: type[Cache]) -> Cache:
        """Return what `new_cache` made for this layer, which is of this kind."""
        mine = cache.layers[self.layer.site]
        assert isinstance(mine, kind), f"{self.layer.site} keeps a {type(mine).__name__}"
        return mine
