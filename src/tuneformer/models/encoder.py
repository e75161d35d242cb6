"""A bidirectional Transformer that sorts sequences into classes."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from tuneformer.models.attention.base import AttentionBase
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.embedding import embed_tokens
from tuneformer.models.flops import matrix_flops, mixing_flops
from tuneformer.models.forward_pass import ForwardPass
from tuneformer.models.initialization import initialize
from tuneformer.models.pooling import make_pooling
from tuneformer.models.positions import PositionScheme
from tuneformer.models.stack import StackSettings, make_blocks, make_final_norm


class Encoder(nn.Module):
    """Logits of the class of a sequence: embedding, layers without a causal mask, norm, pooling, output.

    logits = W_output pool(norm(x_1), ..., norm(x_T)) + b (the encoder of arXiv 1706.03762; BERT,
    1810.04805). Every token sees every other that is no padding; what a row is padded with changes nothing.
    The settings are explained in conf/model/encoder.yaml; `size` is only the name of those that it gave.
    """

    def __init__(
        self,
        *,
        vocab_size: int,
        n_classes: int,
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
        pooling: str,
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

        device = torch.get_default_device()
        # without storage first: torch's own layers would draw weights that nobody keeps
        with torch.device("meta"):
            self.pooling = make_pooling(pooling, d_model=d_model)
            n_positions = context_length + self.pooling.adds_class_token
            stack = StackSettings(
                name="encoder",
                causal=False,
                context_length=n_positions,
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
                    n_positions=n_positions,
                    rope_base=rope_base,
                    rope_fraction=rope_fraction,
                    rope_scale=rope_scale,
                    t5_buckets=t5_buckets,
                    t5_max_distance=t5_max_distance,
                ),
                bias=bias,
                logit_scale=None,
            )
            # the class token is one row more of the table
            self.n_tokens = vocab_size
            self.token_embedding = nn.Embedding(vocab_size + self.pooling.adds_class_token, d_model)
            self.position_embedding = stack.positions.embedding(d_model=d_model)
            self.dropout = nn.Dropout(dropout)
            self.blocks = make_blocks(stack, attention=attention, reads_memory=False)
            self.norm = make_final_norm(stack)
            self.output = nn.Linear(d_model, n_classes)
        self.to_empty(device=device)
        self.initialize()

    def initialize(self) -> None:
        """Draw all weights anew, by the scheme that the model was built with."""
        initialize(self, scheme=self.initialization, d_model=self.d_model, n_layers=self.n_layers)

    def forward(
        self, tokens: Int[Tensor, "batch time"], visible: Bool[Tensor, "batch time"] | None = None
    ) -> Float[Tensor, "batch class"]:
        """Return the logits of the classes.

        `visible`: true where a token is one and false where it is padding; None: none is padding.

        Raises:
            UserError: more tokens than there are learned positions.
        """
        if self.pooling.adds_class_token:
            tokens = nn.functional.pad(tokens, (1, 0), value=self.n_tokens)
            visible = None if visible is None else nn.functional.pad(visible, (1, 0), value=True)
        x = embed_tokens(
            tokens,
            token_embedding=self.token_embedding,
            position_embedding=self.position_embedding,
            scale=self.embedding_scale,
            start=0,
        )
        shared = ForwardPass(start=0, mask=AttentionMask(causal=False, visible=visible), cache=None)
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x, shared)
        return self.output(self.pooling(self.norm(x), visible))

    def n_positions(self, n_tokens: int | float) -> int | float:
        """Return the tokens of an example, the class token among them."""
        return n_tokens + self.pooling.adds_class_token

    def forward_flops(self, n_tokens: int | float) -> float:
        """Return the operations of a forward pass over an example of so many tokens."""
        n = self.n_positions(n_tokens)
        a_token = matrix_flops(self.blocks, self.norm) + self.pooling.flops_per_token
        mixing = mixing_flops(self.blocks, n_keys=n, stacks=("encoder",))
        return n * (a_token + mixing) + matrix_flops(self.output)
