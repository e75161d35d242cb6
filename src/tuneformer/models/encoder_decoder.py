"""The Transformer as it was first: an encoder reads the source, a decoder writes the target."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from tuneformer.models.attention.base import AttentionBase
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.embedding import embed_tokens
from tuneformer.models.flops import matrix_flops, mixing_flops
from tuneformer.models.forward_pass import ForwardPass, Memory
from tuneformer.models.initialization import initialize
from tuneformer.models.key_value_cache import KeyValueCache
from tuneformer.models.positions import PositionScheme
from tuneformer.models.sequence_to_sequence import DecodingState, SequenceToSequence
from tuneformer.models.stack import StackSettings, make_blocks, make_final_norm


@dataclass(kw_only=True)
class TransformerState(DecodingState):
    """The encoder's output, and the decoder's keys and values."""

    memory: Memory
    cache: KeyValueCache

    def select(self, rows: Int[Tensor, " new_batch"]) -> None:
        visible = self.memory.mask.visible
        assert visible is not None
        mask = AttentionMask(causal=False, visible=visible[rows])
        self.memory = Memory(states=self.memory.states[rows], mask=mask)
        self.cache.select(rows)


class EncoderDecoder(SequenceToSequence):
    """Logits of the next token of the target, given the source (arXiv 1706.03762).

    memory = norm(encoder layers(W_embedding[source] + positions)), without a causal mask; logits_t =
    W_output norm(y_t), where y runs from W_embedding[target_t] + position_t through the decoder layers,
    each of which looks at the targets before, at the memory, and at itself. One embedding serves both
    sides, and the output where it is tied (1706.03762, 3.4). The settings are explained in
    conf/model/encoder_decoder.yaml; `size` is only the name of those that it gave.
    """

    def __init__(
        self,
        *,
        vocab_size: int,
        context_length: int,
        size: str | None,
        n_layers: int,
        n_heads: int,
        d_model: int,
        d_ff: int | None,
        dropout: float,
        block: str,
        norm: str,
        feed_forward: str,
        positions: str,
        rope_base: float,
        rope_fraction: float,
        rope_scale: float,
        t5_buckets: int,
        t5_max_distance: int,
        bias: bool,
        tie_embeddings: bool,
        initialization: str,
        attention: Callable[..., AttentionBase],
    ) -> None:
        """Build on torch's default device; `attention(layer=LayerSpec)` makes a layer's attention module.

        Raises:
            UserError: a setting that cannot be built.
        """
        super().__init__()
        self.size = size
        self.d_model = d_model
        self.n_layers = n_layers
        self.context_length = context_length
        self.initialization = initialization
        self.embedding_scale = math.sqrt(d_model) if positions == "sinusoidal" else 1.0
        encoder = StackSettings(
            name="encoder",
            causal=False,
            context_length=context_length,
            n_layers=n_layers,
            n_heads=n_heads,
            d_model=d_model,
            d_ff=d_ff,
            dropout=dropout,
            block=block,
            norm=norm,
            feed_forward=feed_forward,
            positions=PositionScheme(
                name=positions,
                n_positions=context_length,
                rope_base=rope_base,
                rope_fraction=rope_fraction,
                rope_scale=rope_scale,
                t5_buckets=t5_buckets,
                t5_max_distance=t5_max_distance,
            ),
            bias=bias,
            logit_scale=None,
        )
        decoder = replace(encoder, name="decoder", causal=True)
        device = torch.get_default_device()
        # without storage first: torch's own layers would draw weights that nobody keeps
        with torch.device("meta"):
            self.token_embedding = nn.Embedding(vocab_size, d_model)
            self.position_embedding = encoder.positions.embedding(d_model=d_model)
            self.dropout = nn.Dropout(dropout)
            self.encoder_blocks = make_blocks(encoder, attention=attention, reads_memory=False)
            self.encoder_norm = make_final_norm(encoder)
            self.blocks = make_blocks(decoder, attention=attention, reads_memory=True)
            self.norm = make_final_norm(decoder)
            self.output = None if tie_embeddings else nn.Linear(d_model, vocab_size, bias=bias)
        self.to_empty(device=device)
        self.initialize()

    def initialize(self) -> None:
        """Draw all weights anew, by the scheme that the model was built with."""
        initialize(self, scheme=self.initialization, d_model=self.d_model, n_layers=self.n_layers)

    def forward(
        self,
        source: Int[Tensor, "batch source"],
        visible: Bool[Tensor, "batch source"],
        target: Int[Tensor, "batch target"],
    ) -> Float[Tensor, "batch target vocab"]:
        """Return the logits of the token after each token of the target.

        Raises:
            UserError: more tokens than there are learned positions.
        """
        return self.decode(target, self.encode(source, visible), cache=None)

    def encode(self, source: Int[Tensor, "batch source"], visible: Bool[Tensor, "batch source"]) -> Memory:
        """Return what the decoder looks at."""
        mask = AttentionMask(causal=False, visible=visible)
        shared = ForwardPass(start=0, mask=mask, cache=None)
        x = self._embed(source, start=0)
        for block in self.encoder_blocks:
            x = block(x, shared)
        return Memory(states=self.encoder_norm(x), mask=mask)

    def decode(
        self, target: Int[Tensor, "batch target"], memory: Memory, cache: KeyValueCache | None
    ) -> Float[Tensor, "batch target vocab"]:
        """Return the logits of the token after each; with a cache `target` goes on where it ends."""
        start = 0 if cache is None else cache.length
        shared = ForwardPass(start=start, mask=AttentionMask(causal=True), cache=cache, memory=memory)
        y = self._embed(target, start=start)
        for block in self.blocks:
            y = block(y, shared)
        if cache is not None:
            cache.length += target.shape[1]
        return self.unembed(y)

    def unembed(self, y: Float[Tensor, "batch target d_model"]) -> Float[Tensor, "batch target vocab"]:
        """Return the logits that the decoder's residual stream amounts to, here or after any layer."""
        y = self.norm(y)
        if self.output is None:  # tied: one parameter under one name, used three times
            return F.linear(y, self.token_embedding.weight)
        return self.output(y)

    def begin(
        self, source: Int[Tensor, "batch source"], visible: Bool[Tensor, "batch source"]
    ) -> TransformerState:
        shells = (module for module in self.blocks.modules() if isinstance(module, AttentionBase))
        layers = {shell.layer.site: shell.new_cache() for shell in shells}
        cache = KeyValueCache(layers=layers, capacity=self.context_length)
        return TransformerState(memory=self.encode(source, visible), cache=cache)

    def advance(self, tokens: Int[Tensor, " batch"], state: DecodingState) -> Float[Tensor, "batch vocab"]:
        assert isinstance(state, TransformerState)
        return self.decode(tokens.unsqueeze(1), state.memory, state.cache)[:, -1]

    def n_positions(self, n_tokens: int | float) -> int | float:
        """Return the tokens of a source and of a target of `n_tokens` each."""
        return 2 * n_tokens

    def forward_flops(self, n_tokens: int | float) -> float:
        """Return the operations of a forward pass over such a pair."""
        read = matrix_flops(self.encoder_blocks, self.encoder_norm)
        read += mixing_flops(self.encoder_blocks, n_keys=n_tokens, stacks=("encoder",))
        write = matrix_flops(self.blocks, self.norm, self.output or self.token_embedding)
        write += mixing_flops(self.blocks, n_keys=n_tokens, stacks=("decoder", "cross"))
        return n_tokens * (read + write)

    def _embed(self, tokens: Int[Tensor, "batch time"], *, start: int) -> Float[Tensor, "batch time d_model"]:
        return self.dropout(
            embed_tokens(
                tokens,
                token_embedding=self.token_embedding,
                position_embedding=self.position_embedding,
                scale=self.embedding_scale,
                start=start,
            )
        )
