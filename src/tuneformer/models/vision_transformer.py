"""A vision Transformer."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tuneformer.errors import UserError
from tuneformer.models.attention.base import AttentionBase
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.flops import matrix_flops, mixing_flops
from tuneformer.models.forward_pass import ForwardPass
from tuneformer.models.pooling import make_pooling
from tuneformer.models.settings import VisionTransformerSettings
from tuneformer.models.stack import Stack, Transformer, make_blocks, make_final_norm


class VisionTransformer(Transformer):
    """Logits of the class of an image: patches, layers without a causal mask, norm, pooling, output.

    x_i = W_patch patch_i + b + position_i, the patches row by row; logits = W_output pool(norm(x)) + b
    (arXiv 2010.11929). With pooling=first a learned class token stands before the patches.
    """

    def __init__(
        self, *, settings: VisionTransformerSettings, attention: Callable[..., AttentionBase]
    ) -> None:
        """Build on torch's default device; `attention(layer=LayerSpec)` makes a layer's attention module.

        Raises:
            UserError: the patches do not tile the image, or a setting that cannot be built.
        """
        super().__init__(settings)
        d_model, patch_size, n_channels = settings.d_model, settings.patch_size, settings.n_channels
        if settings.image_size % patch_size:
            raise UserError(
                f"model.patch_size={patch_size} must divide the side of the images,"
                f" {settings.image_size} pixels"
            )
        self.patch_size = patch_size
        with self.drawn_once():
            self.pooling = make_pooling(settings.pooling, d_model=d_model)
            self.context_length = (settings.image_size // patch_size) ** 2 + self.pooling.adds_class_token
            stack = Stack(name="encoder", causal=False, context_length=self.context_length, settings=settings)
            self.patch_embedding = nn.Linear(n_channels * patch_size**2, d_model)
            self.class_token = nn.Embedding(1, d_model) if self.pooling.adds_class_token else None
            self.position_embedding = stack.positions.embedding(d_model=d_model)
            self.dropout = nn.Dropout(settings.dropout)
            self.blocks = make_blocks(stack, attention=attention, reads_memory=False)
            self.norm = make_final_norm(stack)
            self.output = nn.Linear(d_model, settings.n_classes)

    def forward(self, images: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch class"]:
        """Return the logits of the classes."""
        x = self.patch_embedding(patches(images, self.patch_size))
        if self.class_token is not None:
            x = torch.cat((self.class_token.weight.expand(len(x), 1, -1), x), dim=1)
        if self.position_embedding is not None:
            x = self.embedding_scale * x + self.position_embedding(0, x.shape[1]).to(x.dtype)
        shared = ForwardPass(start=0, mask=AttentionMask(causal=False), cache=None)
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x, shared)
        return self.output(self.pooling(self.norm(x), None))

    def n_positions(self, n_tokens: int | float) -> int | float:
        """Return the patches of an image, and the class token; whatever `n_tokens` is."""
        return self.context_length

    def forward_flops(self, n_tokens: int | float) -> float:
        """Return the operations of a forward pass over one image."""
        n = self.context_length
        a_token = matrix_flops(self.blocks, self.norm) + self.pooling.flops_per_token
        mixing = mixing_flops(self.blocks, n_keys=n, stacks=("encoder",))
        patches = (n - self.pooling.adds_class_token) * matrix_flops(self.patch_embedding)
        return n * (a_token + mixing) + patches + matrix_flops(self.output)


def patches(
    images: Float[Tensor, "batch channel height width"], size: int
) -> Float[Tensor, "batch patch pixel"]:
    """Return the squares of `size` pixels a side, row by row, each as its channels, rows and columns."""
    squares = images.unfold(2, size, size).unfold(3, size, size)  # (B, C, H/P, W/P, P, P)
    return squares.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)
