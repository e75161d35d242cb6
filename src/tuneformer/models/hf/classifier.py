"""A model of transformers that sorts texts into classes."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tuneformer.errors import UserError
from tuneformer.models.hf.architecture import CLASS_TOKEN, OWN_TOKENS, PADDING
from tuneformer.models.hf.kinds import TEXT_CLASSIFIER
from tuneformer.models.hf.layers import fused_rows, layer_parts_of
from tuneformer.models.hf.model import HuggingFaceModel
from tuneformer.models.hf.network import is_of_the_head
from tuneformer.models.hf.settings import HuggingFaceSettings
from tuneformer.models.parts import LayerPart
from tuneformer.models.rule_names import names_for_rules

MASK = "attention_mask"


class ClassifierOfLibrary(HuggingFaceModel):
    """What classifiers of texts and of images share: layers that read, and a head behind them."""

    stack = "encoder"

    def __init__(self, *, settings: HuggingFaceSettings) -> None:
        """Build on torch's default device, in float32.

        Raises:
            UserError: there is no such architecture, it cannot do this, or the weights do not fit it.
        """
        super().__init__(settings=settings)
        if len(self.watchers) < self.n_layers:  # ALBERT's one layer is passed many times
            self.unwatch()

    def train_head(self) -> None:
        for name, parameter in self.network.named_parameters():
            if is_of_the_head(self.network, name):
                parameter.requires_grad_(True)

    def layer_parts(self) -> list[LayerPart]:
        return layer_parts_of(self.network, self.stack_of)

    def rule_names(self) -> Mapping[str, str]:
        return names_for_rules(self.network, self.network.config.num_labels, "network")

    def row_parts(self) -> Mapping[str, tuple[int, ...]]:
        return {**super().row_parts(), **fused_rows(self.network, "network")}


class HuggingFaceClassifier(ClassifierOfLibrary):
    """Logits of the class of a text, by the class for that of an architecture and its own head.

    With weights that are drawn, a class token stands before the text, and it and padding have numbers before
    those of the data. A pretrained model reads what its tokenizer gives, class token included.
    """

    kind = TEXT_CLASSIFIER

    def __init__(self, *, settings: HuggingFaceSettings) -> None:
        """Build on torch's default device, in float32.

        Raises:
            UserError: there is no such architecture, it cannot do this, or the weights do not fit it.
        """
        self._n_data_tokens = settings.n_tokens
        super().__init__(settings=settings)

    @property
    def adds_class_token(self) -> bool:
        """Whether its first two tokens are padding and the class token, and none of the data's."""
        config = self.network.config
        own = config.vocab_size == self._n_data_tokens + OWN_TOKENS
        return own and (config.pad_token_id, config.bos_token_id) == (PADDING, CLASS_TOKEN)

    def check_architecture(self, asked: str, task: str | None) -> None:
        cannot = f"{asked} cannot do data.task={task}"
        if MASK not in self._takes:
            raise UserError(f"{cannot}: it reads no mask of padding")
        if self.network.config.is_encoder_decoder:
            raise UserError(f"{cannot}: its class reads an end token, which the data do not have")

    def forward(
        self, tokens: Int[Tensor, "batch time"], visible: Bool[Tensor, "batch time"] | None = None
    ) -> Float[Tensor, "batch class"]:
        """Return the logits of the classes.

        `visible`: true where a token is one and false where it is padding; None: none is padding.
        """
        padding = self.network.config.pad_token_id
        if visible is None:
            visible = torch.ones_like(tokens, dtype=torch.bool)
        if self.adds_class_token:
            tokens = F.pad(tokens + OWN_TOKENS, (1, 0), value=CLASS_TOKEN)
            visible = F.pad(visible, (1, 0), value=True)
        tokens = torch.where(visible, tokens, PADDING if padding is None else padding)
        return self.network(**{"input_ids": tokens, MASK: visible.long()}).logits

    def tried_inputs(self) -> dict[str, Tensor]:
        n_tokens = self.context_length + self.adds_class_token
        tokens = torch.full((2, n_tokens), OWN_TOKENS)
        return {"input_ids": tokens, MASK: torch.ones_like(tokens)}

    def n_positions(self, n_tokens: int | float) -> int | float:
        """Return the tokens of an example, the class token among them."""
        return n_tokens + self.adds_class_token
