"""Models of transformers that sort images into classes."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from tuneformer.errors import UserError
from tuneformer.models.evaluating import evaluating
from tuneformer.models.hf.classifier import ClassifierOfLibrary
from tuneformer.models.hf.kinds import IMAGE_CLASSIFIER
from tuneformer.models.hf.settings import HuggingFaceSettings
from tuneformer.models.parts import LayerPart

TABLE = "relative_position_bias_table"
"""What Swin calls its biases by distance: a row for each, and no matrix."""


class ImageClassifierOfLibrary(ClassifierOfLibrary):
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

    def forward(self, images: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch class"]:
        """Return the logits of the classes."""
        return self.network(pixel_values=images).logits

    def tried_inputs(self) -> dict[str, Tensor]:
        return {"pixel_values": torch.zeros(1, *self._shape)}


class HuggingFaceImageClassifier(ImageClassifierOfLibrary):
    """The same by a vision Transformer: a class token and patches, in layers of one width."""

    def __init__(self, *, settings: HuggingFaceSettings) -> None:
        """Build on torch's default device, in float32.

        Raises:
            UserError: there is no such architecture, it cannot do this, or the weights do not fit it.
        """
        super().__init__(settings=settings)
        self.patch_size: int = self.network.config.patch_size
        self.context_length = (self._shape[-1] // self.patch_size) ** 2 + 1
        tables = [p for name, p in self.network.named_parameters() if name.endswith("position_embeddings")]
        if any(table.shape[1] != self.context_length for table in tables):  # DeiT has a token more
            self.unwatch()

    def check_architecture(self, asked: str, task: str | None) -> None:
        patch, size = getattr(self.network.config, "patch_size", None), self._shape[-1]
        if not isinstance(patch, int) or patch < 1 or size % patch:
            raise UserError(
                f"model.keys.patch_size={patch} must divide the side of the images, {size} pixels"
            )

    def n_positions(self, n_tokens: int | float) -> int | float:
        """Return the patches of an image, and the class token; whatever `n_tokens` is."""
        del n_tokens
        return self.context_length

    def forward_flops(self, n_tokens: int | float) -> float:
        """Return the operations of a forward pass over one image."""
        del n_tokens
        return super().forward_flops(self.context_length)


class StagedImageClassifier(ImageClassifierOfLibrary):
    """The same by stages of several widths, each with fewer places than the one before: Swin, ResNet.

    Convolutions have no heads, and those of Swin look into windows that move: there are no maps of them.
    """

    def __init__(self, *, settings: HuggingFaceSettings) -> None:
        """Build on torch's default device, in float32.

        Raises:
            UserError: there is no such architecture, it cannot do this, or the weights do not fit it.
        """
        try:
            super().__init__(settings=settings)
        except UserError as error:
            if " cannot be built: " not in str(error):
                raise
            hint = (
                f"its stages in model.keys must go together, and fit images of {settings.image_size} pixels"
            )
            raise UserError(f"{error}; {hint}") from error
        self.unwatch()

    def layer_parts(self) -> list[LayerPart]:
        """Return none: no stream of one width goes through them."""
        return []

    def rule_names(self) -> Mapping[str, str]:
        tables = (name for name, _ in self.named_parameters() if name.endswith(TABLE))
        return {**super().rule_names(), **dict.fromkeys(tables, "token_embedding.weight")}

    def n_positions(self, n_tokens: int | float) -> int | float:
        """Return 1, the image: its places are fewer from stage to stage."""
        del n_tokens
        return 1

    def forward_flops(self, n_tokens: int | float) -> float:
        """Return the operations of a forward pass over one image, as torch counts them."""
        del n_tokens
        device = next(self.parameters()).device
        images = torch.zeros(1, *self._shape, device=device)
        with torch.no_grad(), evaluating(self), FlopCounterMode(display=False) as counter:
            self.network(pixel_values=images)
        return float(counter.get_total_flops())
