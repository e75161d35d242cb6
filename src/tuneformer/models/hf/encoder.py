"""An encoder of texts of transformers, without what a task puts behind it."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from tuneformer.models.hf.kinds import ENCODER
from tuneformer.models.hf.layers import layer_parts_of
from tuneformer.models.hf.model import HuggingFaceModel
from tuneformer.models.hf.settings import HuggingFaceSettings
from tuneformer.models.parts import LayerPart


class HuggingFaceEncoder(HuggingFaceModel):
    """The vector of each token behind the layers: a pretrained encoder as it is, to be looked at."""

    kind = ENCODER
    stack = "encoder"

    def __init__(self, *, settings: HuggingFaceSettings) -> None:
        """Build on torch's default device, in float32.

        Raises:
            UserError: there is no such architecture, or the weights do not fit it.
        """
        super().__init__(settings=settings)
        if len(self.watchers) < self.n_layers:  # ALBERT's one layer is passed many times
            self.unwatch()
        self.context_length -= self._first_position()

    def forward(
        self, tokens: Int[Tensor, "batch time"], visible: Bool[Tensor, "batch time"]
    ) -> Float[Tensor, "batch time d_model"]:
        """Return the vectors; `visible` is false where a token is padding."""
        return self.network(input_ids=tokens, attention_mask=visible.long()).last_hidden_state

    def tried_inputs(self) -> dict[str, Tensor]:
        tokens = torch.zeros(1, 2, dtype=torch.long)
        return {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}

    def layer_parts(self) -> list[LayerPart]:
        return layer_parts_of(self.network, self.stack_of)

    def _first_position(self) -> int:
        """The number of the first token's position: in RoBERTa those up to that of padding stand for it."""
        tables = (
            module
            for name, module in self.network.named_modules()
            if name.endswith("position_embeddings") and isinstance(module, nn.Embedding)
        )
        return max((table.padding_idx + 1 for table in tables if table.padding_idx is not None), default=0)
