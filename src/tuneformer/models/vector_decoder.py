"""A decoder over real vectors."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn

from tuneformer.models.attention.base import AttentionBase
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.flops import matrix_flops, mixing_flops
from tuneformer.models.forward_pass import ForwardPass
from tuneformer.models.settings import VectorDecoderSettings
from tuneformer.models.stack import Stack, Transformer, make_blocks, make_final_norm


class VectorDecoder(Transformer):
    """A vector for each vector, from it and those before: y_t = W_output norm(x_t) + b.

    x runs from W_input v_t + b + position_t through layers with a causal mask: the decoder of
    arXiv 2208.01066, on vectors in place of tokens.
    """

    def __init__(self, *, settings: VectorDecoderSettings, attention: Callable[..., AttentionBase]) -> None:
        """Build on torch's default device; `attention(layer=LayerSpec)` makes a layer's attention module.

        Raises:
            UserError: a setting that cannot be built.
        """
        super().__init__(settings)
        self.context_length = settings.context_length
        stack = Stack(name="decoder", causal=True, context_length=settings.context_length, settings=settings)
        with self.drawn_once():
            self.vector_embedding = nn.Linear(settings.n_inputs, settings.d_model)
            self.position_embedding = stack.positions.embedding(d_model=settings.d_model)
            self.dropout = nn.Dropout(settings.dropout)
            self.blocks = make_blocks(stack, attention=attention, reads_memory=False)
            self.norm = make_final_norm(stack)
            self.output = nn.Linear(settings.d_model, settings.n_outputs)

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

    def forward_flops(self, n_tokens: int | float) -> float:
        """Return the operations of a forward pass over an example of so many vectors."""
        a_token = matrix_flops(self.vector_embedding, self.blocks, self.norm, self.output)
        return n_tokens * (a_token + mixing_flops(self.blocks, n_keys=n_tokens, stacks=("decoder",)))
