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
from tuneformer.models.embedding import EarlierTokens, embed_tokens
from tuneformer.models.flops import matrix_flops, mixing_flops
from tuneformer.models.forward_pass import ForwardPass
from tuneformer.models.initialization import initialize
from tuneformer.models.key_value_cache import KeyValueCache, LastTokens
from tuneformer.models.positions import PositionScheme
from tuneformer.models.stack import StackSettings, make_blocks, make_final_norm


class Decoder(nn.Module):
    """Logits of the next token: token embedding, layers, final norm (none for post-norm), output matrix.

    logits_t = W_output norm(x_t), where x runs from W_embedding[token_t] + position_t through the
    layers (arXiv 1706.03762, without its encoder; GPT-2). With `embedded_tokens` above 1 the tokens
    before add to the embedding (`EarlierTokens`). Dropout acts on the sum of embeddings, on
    attention weights and on each branch before it is added. With sinusoidal positions
    token embeddings are multiplied by sqrt(d_model) (1706.03762, 3.4). Weights are drawn once, from
    torch's default generator on the CPU in float32 (see `initialize`). With a `base_width` the model is
    parametrised for transfer across widths (muP, 2203.03466, table 8): logits are multiplied by
    base_width / d_model and those of attention are divided by head_dim in place of its root, such that
    at the base width both are the standard ones. The settings are explained in conf/model/decoder.yaml;
    `size` is only the name of those that it gave.
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
        embedded_tokens: int,
        tie_embeddings: bool,
        initialization: str,
        base_width: int | None,
        attention: Callable[..., AttentionBase],
    ) -> None:
        """Build on torch's default device; `attention(layer=LayerSpec)` makes a layer's attention module.

        Raises:
            UserError: a setting that cannot be built.
        """
        super().__init__()
        self.size = size
        self.vocab_size = vocab_size
        self.context_length = context_length
        self.d_model = d_model
        self.n_layers = n_layers
        self.n_heads = n_heads
        self.initialization = initialization
        self.base_width = base_width
        self.output_scale = 1.0 if base_width is None else base_width / d_model
        self.embedding_scale = math.sqrt(d_model) if positions == "sinusoidal" else 1.0

        stack = StackSettings(
            name="decoder",
            causal=True,
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
            logit_scale=None if base_width is None else math.sqrt(base_width * n_heads) / d_model,
        )
        device = torch.get_default_device()
        # without storage first: torch's own layers would draw weights that nobody keeps
        with torch.device("meta"):
            self.token_embedding = nn.Embedding(vocab_size, d_model)
            self.earlier_tokens = (
                None
                if embedded_tokens == 1
                else EarlierTokens(n=embedded_tokens - 1, vocab_size=vocab_size, d_model=d_model)
            )
            self.position_embedding = stack.positions.embedding(d_model=d_model)
            self.dropout = nn.Dropout(dropout)
            self.blocks = make_blocks(stack, attention=attention, reads_memory=False)
            self.norm = make_final_norm(stack)
            self.output = None if tie_embeddings else nn.Linear(d_model, vocab_size, bias=bias)
        self.to_empty(device=device)
        self.initialize()

    def initialize(self) -> None:
        """Draw all weights anew, by the scheme that the model was built with."""
        initialize(
            self,
            scheme=self.initialization,
            d_model=self.d_model,
            n_layers=self.n_layers,
            base_width=self.base_width,
        )

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
        x = embed_tokens(
            tokens,
            token_embedding=self.token_embedding,
            position_embedding=self.position_embedding,
            scale=self.embedding_scale,
            start=start,
        )
        if self.earlier_tokens is not None:
            last_tokens = None if cache is None else cache.last_tokens
            before = None if last_tokens is None else last_tokens.extend(tokens)
            x = x + self.embedding_scale * self.earlier_tokens(tokens, before)
        x = self.dropout(x)
        shared = ForwardPass(start=start, mask=AttentionMask(causal=True), cache=cache)
        for block in self.blocks:
            x = block(x, shared)
        if cache is not None:
            cache.length += n_tokens
        return self.unembed(x)

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
        return KeyValueCache(layers=layers, capacity=self.context_length, last_tokens=last_tokens)

    def n_positions(self, n_tokens: int | float) -> int | float:
        """Return the tokens of an example."""
        return n_tokens

    def forward_flops(self, n_tokens: int | float) -> float:
        """Return the operations of a forward pass over an example of so many tokens."""
        a_token = matrix_flops(self.blocks, self.norm, self.output or self.token_embedding)
        return n_tokens * (a_token + mixing_flops(self.blocks, n_keys=n_tokens, stacks=("decoder",)))
