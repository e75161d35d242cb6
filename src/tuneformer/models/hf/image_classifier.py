"""A vision Transformer of transformers that sorts images into classes."""

import torch
from jaxtyping import Float
from torch import Tensor

from tuneformer.errors import UserError
from tuneformer.models.hf.classifier import ClassifierOfLibrary
from tuneformer.models.hf.kinds import IMAGE_CLASSIFIER
from tuneformer.models.hf.settings import HuggingFaceSettings


class HuggingFaceImageClassifier(ClassifierOfLibrary):
    """Logits of the class of an image, by the class for that of an architecture and its own head."""

    kind = IMAGE_CLASSIFIER

    def __init__(self, *, settings: HuggingFaceSettings) -> None:
        """Build on torch's default device, in float32.

        Raises:
            UserError: there is no such architecture, it cannot do this, or the weights do not fit it.
        """
        assert settings.image_size is not None
        assert settings.n_channels is not None
        self._shape = (settings.n_channels, settings.image_size, settings.image_size)
        super().__init__(settings=settings)
        self.patch_size: int = self.network.config.patch_size
        self.context_length = (settings.image_size // self.patch_size) ** 2 + 1
        tables = [p for name, p in self.network.named_parameters() if name.endswith("position_embeddings")]
        if any(table.shape[1] != self.context_length for table in tables):  # DeiT has a token more
            self.unwatch()

    def check_architecture(self, asked: str, task: str | None) -> None:
        patch, size = getattr(self.network.config, "patch_size", None), self._shape[-1]
        if not isinstance(patch, int) or patch < 1 or size % patch:
            raise UserError(
                f"model.keys.patch_size={patch} must divide the side of the images, {size} pixels"
            )

    def forward(self, images: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch class"]:
        """Return the logits of the classes."""
        return self.network(pixel_values=images).logits

    def tried_inputs(self) -> dict[str, Tensor]:
        return {"pixel_values": torch.zeros(1, *self._shape)}

    def n_positions(self, n_tokens: int | float) -> int | float:
        """Return the patches of an image, and the class token; whatever `n_tokens` is."""
        del n_tokens
        return self.context_length

    def forward_flops(self, n_tokens: int | float) -> float:
        """Return the operations of a forward pass over one image."""
        del n_tokens
        return super().forward_flops(self.context_length)
