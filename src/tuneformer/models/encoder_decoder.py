"""The Transformer as it was first: an encoder reads the source, a decoder writes the target."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from tuneformer.models.attention.base import AttentionBase
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.embedding import embed_tokens
from tuneformer.models.flops import matrix_flops, mixing_flops
from tuneformer.models.forward_pass import ForwardPass, Memory
from tuneformer.models.key_value_cache import KeyValueCache
from tuneformer.models.sequence_to_sequence import DecodingState, SequenceToSequence
from tuneformer.models.settings import EncoderDecoderSettings
from tuneformer.models.stack import Stack, Transformer, make_blocks, make_final_norm


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


class EncoderDecoder(Transformer, SequenceToSequence):
    """Logits of the next token of the target, given the source (arXiv 1706.03762).

    memory = norm(encoder layers(W_embedding[source] + positions)), without a causal mask; logits_t =
    W_output norm(y_t), where y runs from W_embedding[target_t] + position_t through the decoder layers,
    each of which looks at the targets before, at the memory, and at itself. One embedding serves both
    sides, and the output where it is tied (1706.03762, 3.4).
    """

    def __init__(self, *, settings: EncoderDecoderSettings, attention: Callable[..., AttentionBase]) -> None:
        """Build on torch's default device; `attention(layer=LayerSpec)` makes a layer's attention module.

        Raises:
            UserError: a setting that cannot be built.
        """
        super().__init__(settings)
        vocab_size, d_model = settings.vocab_size, settings.d_model
        self.context_length = settings.context_length
        encoder = Stack(
            name="encoder", causal=False, context_length=settings.context_length, settings=settings
        )
        decoder = replace(encoder, name="decoder", causal=True)
        with self.drawn_once():
            self.token_embedding = nn.Embedding(vocab_size, d_model)
            self.position_embedding = encoder.positions.embedding(d_model=d_model)
            self.dropout = nn.Dropout(settings.dropout)
            self.encoder_blocks = make_blocks(encoder, attention=attention, reads_memory=False)
            self.encoder_norm = make_final_norm(encoder)
            self.blocks = make_blocks(decoder, attention=attention, reads_memory=True)
            self.norm = make_final_norm(decoder)
            tied, bias = settings.tie_embeddings, settings.bias
            self.output = None if tied else nn.Linear(d_model, vocab_size, bias=bias)

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
