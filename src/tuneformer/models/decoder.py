"""A decoder-only Transformer."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from tuneformer.errors import UserError
from tuneformer.models.attention.base import AttentionBase
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.attention.separate_documents import SeparateDocuments
from tuneformer.models.embedding import EarlierTokens, embed_tokens
from tuneformer.models.flops import matrix_flops, mixing_flops
from tuneformer.models.forward_pass import ForwardPass
from tuneformer.models.key_value_cache import KeyValueCache, LastTokens
from tuneformer.models.settings import DecoderSettings
from tuneformer.models.stack import Stack, Transformer, make_blocks, make_final_norm


class Decoder(Transformer):
    """Logits of the next token: token embedding, layers, final norm (none for post-norm), output matrix.

    logits_t = W_output norm(x_t), where x runs from W_embedding[token_t] + position_t through the
    layers (arXiv 1706.03762, without its encoder; GPT-2). With `embedded_tokens` above 1 the tokens
    before add to the embedding (`EarlierTokens`). Dropout acts on the sum of embeddings, on
    attention weights and on each branch before it is added. With sinusoidal positions
    token embeddings are multiplied by sqrt(d_model) (1706.03762, 3.4). Weights are drawn once, from
    torch's default generator on the CPU in float32 (see `initialize`). With a `base_width` the model is
    parametrised for transfer across widths (muP, 2203.03466, table 8): logits are multiplied by
    base_width / d_model and those of attention are divided by head_dim in place of its root, such that
    at the base width both are the standard ones. With `document_start` each document of a text is read as if
    it were alone.
    """

    def __init__(self, *, settings: DecoderSettings, attention: Callable[..., AttentionBase]) -> None:
        """Build on torch's default device; `attention(layer=LayerSpec)` makes a layer's attention module.

        Raises:
            UserError: a setting that cannot be built.
        """
        super().__init__(settings)
        self.vocab_size, d_model = settings.vocab_size, settings.d_model
        self.context_length = settings.context_length
        base_width = self.base_width = settings.base_width
        self.output_scale = 1.0 if base_width is None else base_width / d_model
        self.document_start = settings.document_start
        stack = Stack(
            name="decoder",
            causal=True,
            context_length=settings.context_length,
            settings=settings,
            logit_scale=None if base_width is None else math.sqrt(base_width * settings.n_heads) / d_model,
            separates=self.document_start is not None,
        )
        with self.drawn_once():
            self.token_embedding = nn.Embedding(self.vocab_size, d_model)
            self.earlier_tokens = (
                None
                if settings.embedded_tokens == 1
                else EarlierTokens(
                    n=settings.embedded_tokens - 1, vocab_size=self.vocab_size, d_model=d_model
                )
            )
            self.position_embedding = stack.positions.embedding(d_model=d_model)
            self.dropout = nn.Dropout(settings.dropout)
            self.blocks = make_blocks(stack, attention=attention, reads_memory=False)
            self.norm = make_final_norm(stack)
            tied, bias = settings.tie_embeddings, settings.bias
            self.output = None if tied else nn.Linear(d_model, self.vocab_size, bias=bias)

    def forward(
        self, tokens: Int[Tensor, "batch time"], cache: KeyValueCache | None = None
    ) -> Float[Tensor, "batch time vocab"]:
        """Return the logits of the token after each token.

        With a cache `tokens` continue those in it, and the cache then holds them too.

        Raises:
            UserError: more tokens than there are learned positions, or than the cache has room for.
        """
        n_tokens = tokens.shape[1]
        start = 0 if cache is None else cache.length
        if cache is not None and start + n_tokens > cache.capacity:
            raise UserError(
                f"data.context_length={cache.capacity} is the room of the cache: it cannot hold"
                f" {start + n_tokens} tokens"
            )
        mask = AttentionMask(causal=True, documents=self._documents(tokens, cache))
        shared = ForwardPass(start=start, mask=mask, cache=cache)
        positions = shared.document_positions(n_tokens)
        x = embed_tokens(
            tokens,
            token_embedding=self.token_embedding,
            position_embedding=self.position_embedding,
            scale=self.embedding_scale,
            start=start,
            positions=positions,
        )
        if self.earlier_tokens is not None:
            last_tokens = None if cache is None else cache.last_tokens
            before = None if last_tokens is None else last_tokens.extend(tokens)
            x = x + self.embedding_scale * self.earlier_tokens(tokens, before, positions)
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x, shared)
        if cache is not None:
            cache.length += n_tokens
        return self.unembed(x)

    def _documents(self, tokens: Tensor, cache: KeyValueCache | None) -> SeparateDocuments | None:
        """The documents of the tokens, and of those before them in a cache."""
        if self.document_start is None:
            return None
        if cache is not None:
            assert cache.documents is not None
            before = cache.documents.extend(tokens)
            tokens = tokens if before is None else torch.cat((before, tokens), dim=1)
        return SeparateDocuments.of(tokens, self.document_start)

    def unembed(self, x: Float[Tensor, "batch time d_model"]) -> Float[Tensor, "batch time vocab"]:
        """Return the logits that the residual stream amounts to, here or after any layer."""
        x = self.output_scale * self.norm(x)
        if self.output is None:  # tied: one parameter under one name, used twice
            return F.linear(x, self.token_embedding.weight)
        return self.output(x)

    def new_cache(self) -> KeyValueCache:
        """Return an empty cache for decoding step by step, with room for the model's context."""
        shells = (module for module in self.modules() if isinstance(module, AttentionBase))
        layers = {shell.layer.site: shell.new_cache() for shell in shells}
        last_tokens = None if self.earlier_tokens is None else LastTokens(n=self.earlier_tokens.n)
        separates = self.document_start is not None
        return KeyValueCache(
            layers=layers,
            capacity=self.context_length,
            last_tokens=last_tokens,
            documents=LastTokens(n=self.context_length) if separates else None,
        )

    def output_numbers(self, n_tokens: int | float) -> int | float:
        """Return the logits of its tokens."""
        return n_tokens * self.vocab_size

    def forward_flops(self, n_tokens: int | float) -> float:
        """Return the operations of a forward pass over an example of so many tokens."""
        a_token = matrix_flops(self.blocks, self.norm, self.output or self.token_embedding)
        return n_tokens * (a_token + mixing_flops(self.blocks, n_keys=n_tokens, stacks=("decoder",)))
