"""A decoder over real vectors."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tuneformer.models.attention.base import AttentionBase
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.flops import matrix_flops, mixing_flops
from tuneformer.models.forward_pass import ForwardPass
from tuneformer.models.initialization import initialize
from tuneformer.models.positions import PositionScheme
from tuneformer.models.stack import StackSettings, make_blocks, make_final_norm


class VectorDecoder(nn.Module):
    """A vector for each vector, from it and those before: y_t = W_output norm(x_t) + b.

    x runs from W_input v_t + b + position_t through layers with a causal mask: the decoder of
    arXiv 2208.01066, on vectors in place of tokens. The settings are explained in
    conf/model/vector_decoder.yaml; `size` is only the name of those that it gave.
    """

    def __init__(
        self,
        *,
        n_inputs: int,
        n_outputs: int,
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
            logit_scale=None,
        )
        device = torch.get_default_device()
        # without storage first: torch's own layers would draw weights that nobody keeps
        with torch.device("meta"):
            self.vector_embedding = nn.Linear(n_inputs, d_model)
            self.position_embedding = stack.positions.embedding(d_model=d_model)
            self.dropout = nn.Dropout(dropout)
            self.blocks = make_blocks(stack, attention=attention, reads_memory=False)
            self.norm = make_final_norm(stack)
            self.output = nn.Linear(d_model, n_outputs)
        self.to_empty(device=device)
        self.initialize()

    def initialize(self) -> None:
        """Draw all weights anew, by the scheme that the model was built with."""
        initialize(self, scheme=self.initialization, d_model=self.d_model, n_layers=self.n_layers)

    def forward(self, vectors: Float[Tensor, "batch time input"]) -> Float[Tensor, "batch time output"]:
        """Return the output at each vector."""
        x = self.vector_embedding(vectors.to(self.vector_embedding.weight.dtype))
        if self.position_embedding is not None:
            x = self.embedding_scale * x + self.position_embedding(0, x.shape[1]).to(x.dtype)
        x = self.dropout(x)
        shared = ForwardPass(start=0, mask=AttentionMask(causal=True), cache=None)
        for block in self.blocks:
            x = block(x, shared)
        return self.output(self.norm(x))

    def n_positions(self, n_tokens: int | float) -> int | float:
        """Return the vectors of an example."""
        return n_tokens

    def forward_flops(self, n_tokens: int | float) -> float:
        """Return the operations of a forward pass over an example of so many vectors."""
        a_token = matrix_flops(self.vector_embedding, self.blocks, self.norm, self.output)
        return n_tokens * (a_token + mixing_flops(self.blocks, n_keys=n_tokens, stacks=("decoder",)))
