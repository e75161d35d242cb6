"""A bidirectional Transformer that sorts sequences into classes."""

from collections.abc import Callable

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from tuneformer.models.attention.base import AttentionBase
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.embedding import embed_tokens
from tuneformer.models.flops import matrix_flops, mixing_flops
from tuneformer.models.forward_pass import ForwardPass
from tuneformer.models.pooling import make_pooling
from tuneformer.models.settings import EncoderSettings
from tuneformer.models.stack import Stack, Transformer, make_blocks, make_final_norm


class Encoder(Transformer):
    """Logits of the class of a sequence: embedding, layers without a causal mask, norm, pooling, output.

    logits = W_output pool(norm(x_1), ..., norm(x_T)) + b (the encoder of arXiv 1706.03762; BERT,
    1810.04805). Every token sees every other that is no padding; what a row is padded with changes nothing.
    """

    def __init__(self, *, settings: EncoderSettings, attention: Callable[..., AttentionBase]) -> None:
        """Build on torch's default device; `attention(layer=LayerSpec)` makes a layer's attention module.

        Raises:
            UserError: a setting that cannot be built.
        """
        super().__init__(settings)
        d_model = settings.d_model
        self.context_length = settings.context_length
        self.n_tokens = settings.vocab_size
        with self.drawn_once():
            self.pooling = make_pooling(settings.pooling, d_model=d_model)
            stack = Stack(
                name="encoder",
                causal=False,
                context_length=settings.context_length + self.pooling.adds_class_token,
                settings=settings,
            )
            # the class token is one row more of the table
            self.token_embedding = nn.Embedding(self.n_tokens + self.pooling.adds_class_token, d_model)
            self.position_embedding = stack.positions.embedding(d_model=d_model)
            self.dropout = nn.Dropout(settings.dropout)
            self.blocks = make_blocks(stack, attention=attention, reads_memory=False)
            self.norm = make_final_norm(stack)
            self.output = nn.Linear(d_model, settings.n_classes)

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
