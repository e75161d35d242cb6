"""Cross-attention."""

from dataclasses import replace
from functools import partial

from jaxtyping import Float
from torch import Tensor

from tuneformer.models.attention.base import QKVAttentionBase
from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.settings import PLAIN
from tuneformer.models.forward_pass import ForwardPass, Memory
from tuneformer.models.key_value_cache import MemoryKeyValues


class CrossAttention(QKVAttentionBase):
    """head_h = softmax(scale Q_h K_h^T + mask) V_h, Q from x, K and V from a memory (1706.03762, 3.2.3).

    Every token sees every token of the memory that is not padding, and neither has positions here: the
    encoder's output carries its own. Time is O(query * key), memory O(query + key). A cache keeps the
    projected memory, 2 d_model numbers for each of its tokens. A model builds it for the layers between a
    decoder and an encoder, whatever module its self-attention is.
    """

    def __init__(self, *, layer: LayerSpec) -> None:
        assert not layer.causal, "a memory has no order relative to the queries"
        super().__init__(layer=replace(layer, logit_bias=None), settings=PLAIN)
        self.positions = None

    def forward(
        self, x: Float[Tensor, "batch time d_model"], shared: ForwardPass
    ) -> Float[Tensor, "batch time d_model"]:
        """Return what the tokens gather from `shared.memory`."""
        memory = shared.memory
        assert memory is not None, "cross-attention needs a memory in the forward pass"
        q = self.split_heads(self.query(x))
        project = partial(self.project_memory, memory)
        k, v = (
            project() if shared.cache is None else self.cache_of(shared.cache, MemoryKeyValues).get(project)
        )
        return self.finish(self.mix(q, k, v, memory.mask), x)

    def project_memory(
        self, memory: Memory
    ) -> tuple[Float[Tensor, "batch head key dim"], Float[Tensor, "batch head key dim"]]:
        """Return keys and values of the memory, in heads."""
        return self.split_heads(self.key(memory.states)), self.split_heads(self.value(memory.states))

    def new_cache(self) -> MemoryKeyValues:
        """Return an empty cache for the projected memory."""
        return MemoryKeyValues()
