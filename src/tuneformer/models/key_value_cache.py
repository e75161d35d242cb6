"""What decoding step by step keeps of the tokens before."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor


class LayerKeyValues:
    """Keys and values of one layer, in memory laid out once for `capacity` tokens."""

    def __init__(self, *, capacity: int) -> None:
        self.capacity = capacity
        self.keys: Tensor | None = None
        self.values: Tensor | None = None

    def extend(
        self,
        start: int,
        keys: Float[Tensor, "batch kv_head new dim"],
        values: Float[Tensor, "batch kv_head new value"],
    ) -> tuple[Float[Tensor, "batch kv_head all dim"], Float[Tensor, "batch kv_head all value"]]:
        """Write the new tokens from position `start` on; return those of all tokens up to them."""
        end = start + keys.shape[2]
        assert end <= self.capacity, f"{end} tokens in a cache for {self.capacity}"
        if self.keys is None or self.values is None:
            self.keys = keys.new_empty(*keys.shape[:2], self.capacity, keys.shape[3])
            self.values = values.new_empty(*values.shape[:2], self.capacity, values.shape[3])
        self.keys[:, :, start:end] = keys
        self.values[:, :, start:end] = values
        return self.keys[:, :, :end], self.values[:, :, :end]


class KeyValueCache:
    """The caches of all layers, and how many tokens they hold; for use without gradients.

    A layer's attention module makes its own (`new_cache`), so that one may keep something else
    than keys and values.
    """

    def __init__(self, *, layers: Sequence[LayerKeyValues], capacity: int) -> None:
        self.layers = layers
        self.capacity = capacity
        self.length = 0
