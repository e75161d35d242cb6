"""Multi-head latent attention."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tuneformer.models.attention.base import QKVAttentionBase
from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.settings import MultiHeadLatentAttentionSettings
from tuneformer.models.forward_pass import ForwardPass
from tuneformer.models.key_value_cache import LayerKeyValues
from tuneformer.models.norms import RMSNorm


class MultiHeadLatentAttention(QKVAttentionBase):
    """k_h = [W_UK c; rotate(W_KR x)]_h, v_h = (W_UV c)_h, c = norm(W_D x) (MLA, arXiv 2405.04434, 2.1).

    Keys and values of all heads come from one latent c of `key_value_rank` numbers, and positions from
    `rotary_dim` more numbers of the key that all heads share; queries are W_UQ norm(W_DQ x), or W_Q x
    without `query_rank`. Then softmax attention with heads of d_model / n_heads values. Time is
    O(T^2 d_model) for T tokens, memory O(T d_model); the cache keeps key_value_rank + rotary_dim numbers
    a token, from which every step makes the keys and values anew.
    """

    settings: MultiHeadLatentAttentionSettings

    def __init__(self, *, layer: LayerSpec, settings: MultiHeadLatentAttentionSettings) -> None:
        rotary_dim, _ = settings.rotated(d_model=layer.d_model, n_heads=layer.n_heads)
        head_dim = layer.d_model // layer.n_heads
        super().__init__(layer=layer, settings=settings, key_dim=head_dim + rotary_dim)

    def make_projections(self) -> None:
        """Make the matrices to and from the latents."""
        width, query_rank = self.layer.d_model, self.settings.query_rank
        self.rotary_dim = self.key_dim - self.head_dim
        rank = self.settings.key_value_rank or max(1, width // 2)
        self.query_latent = None if query_rank is None else self.linear(width, query_rank)
        self.query_latent_norm = None if query_rank is None else RMSNorm(query_rank)
        self.query = self.linear(query_rank or width, self.layer.n_heads * self.key_dim)
        self.latent = self.linear(width, rank)
        self.latent_norm = RMSNorm(rank)
        self.key = self.linear(rank, width)
        self.value = self.linear(rank, width)
        self.output = self.linear(width, width)
        self.position_key = self.linear(width, self.rotary_dim)
        self.positions = self.layer.head_positions(head_dim=self.rotary_dim)

    def forward(
        self, x: Float[Tensor, "batch time d_model"], shared: ForwardPass
    ) -> Float[Tensor, "batch time d_model"]:
        """Return what the tokens gather from those they may see."""
        latent = self.latent_norm(self.latent(x)).unsqueeze(1)  # (B, 1, T, R)
        position_key = self.position_key(x).unsqueeze(1)  # not rotated yet: a norm comes first
        if shared.cache is not None:
            cache = self.cache_of(shared.cache, LayerKeyValues)
            latent, position_key = cache.extend(shared.start, latent, position_key)
        latent, position_key = latent.squeeze(1), position_key.squeeze(1)
        q, k = self.normalise(self.queries(x), self.keys(latent, position_key))
        documents = shared.mask.documents
        q = self.rotated(q, shared.start, shared.document_positions(x.shape[1]))
        k = self.rotated(k, 0, None if documents is None else documents.positions)
        v = self.with_first_values(self.split_heads(self.value(latent)), shared)
        return self.finish(self.mix(q.transpose(1, 2), k.transpose(1, 2), v, shared.mask), x)

    def queries(self, x: Float[Tensor, "batch time d_model"]) -> Float[Tensor, "batch time head dim"]:
        """Return W_UQ norm(W_DQ x), or W_Q x, in heads."""
        if self.query_latent is not None and self.query_latent_norm is not None:
            x = self.query_latent_norm(self.query_latent(x))
        return self.query(x).unflatten(2, (self.layer.n_heads, -1))

    def keys(
        self, latent: Float[Tensor, "batch key rank"], position_key: Float[Tensor, "batch key rotary"]
    ) -> Float[Tensor, "batch key head dim"]:
        """Return [W_UK c; W_KR x], the second part the same in every head."""
        content = self.key(latent).unflatten(2, (self.layer.n_heads, -1))
        shared = position_key.unsqueeze(2).expand(-1, -1, self.layer.n_heads, -1)
        return torch.cat((content, shared), dim=-1)

    def rotated(
        self, x: Float[Tensor, "batch time head dim"], start: int, positions: Int[Tensor, "batch time"] | None
    ) -> Float[Tensor, "batch time head dim"]:
        """Rotate the last `rotary_dim` numbers of each head, the first token at position `start`.

        `positions`: as `RotaryPositions` has them.
        """
        if self.positions is None:
            return x
        last = x[..., -self.rotary_dim :]
        turned, _ = self.positions(last, last[:, :, :0], start, positions)
        return torch.cat((x[..., : -self.rotary_dim], turned), dim=-1)

    def mixing_flops(self, n_keys: int) -> float:
        """Return 2 (2 head_dim + rotary_dim) operations a head and key: the logit, and the value."""
        return 2.0 * self.layer.n_heads * (2 * self.head_dim + self.rotary_dim) * n_keys
