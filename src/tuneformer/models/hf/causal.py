"""A causal language model of transformers as a model of ours: tokens in, logits out."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tuneformer.errors import UserError
from tuneformer.models.attention.separate_documents import SeparateDocuments
from tuneformer.models.hf.kinds import CAUSAL
from tuneformer.models.hf.library import transformers
from tuneformer.models.hf.model import HuggingFaceModel
from tuneformer.models.hf.settings import HuggingFaceSettings

SAME = 1e-3
"""How far rounding may bring logits apart, of the largest; with a leak they were at least 1e-2 apart."""


class HuggingFaceDecoder(HuggingFaceModel):
    """Logits of the next token, by a model of transformers that reads token ids.

    With `document_start` each document of a text is read as if it were alone: the library keeps texts apart
    whose positions begin anew.
    """

    kind = CAUSAL
    stack = "decoder"

    def __init__(self, *, settings: HuggingFaceSettings) -> None:
        """Build the network.

        Raises:
            UserError: there is no such architecture, the weights do not fit it, or it does not keep documents
                apart.
        """
        super().__init__(settings=settings)
        self.document_start = settings.document_start
        if self.document_start is not None:
            self._check_documents(self.document_start, settings.asked)

    def forward(
        self, tokens: Int[Tensor, "batch time"], cache: "PastOfNetwork | None" = None
    ) -> Float[Tensor, "batch time vocab"]:
        """Return the logits of the token after each token; with a cache `tokens` continue those in it."""
        given: dict[str, Any] = {"input_ids": tokens}
        if "use_cache" in self._takes:
            given["use_cache"] = cache is not None
        if self.document_start is not None:
            given["position_ids"] = SeparateDocuments.of(tokens, self.document_start).positions
        if cache is not None:
            given["cache" if "cache" in self._takes else "past_key_values"] = cache.past
            cache.length += tokens.shape[1]
        return self.network(**given).logits

    @torch.no_grad()
    def _check_documents(self, start: int, asked: str) -> None:
        """Raise UserError unless a document reads the same behind another and alone."""
        known = "position_ids" in self._takes
        weight = next(self.parameters())
        if known and not weight.is_meta:
            few = (start + torch.arange(8, device=weight.device)) % self.vocab_size
            few[4] = start
            was_training = self.training
            behind, alone = self.eval()(few[None])[0, 4:], self(few[None, 4:])[0]
            self.train(was_training)
            known = bool((behind - alone).abs().max() <= SAME * alone.abs().max())
        if not known:
            raise UserError(
                f"data.documents=separate does not go with {asked}, which does not keep documents apart:"
                " choose data.documents=packed"
            )

    def tried_inputs(self) -> dict[str, Tensor]:
        return {"input_ids": torch.zeros(1, 1, dtype=torch.long)}

    def new_cache(self) -> "PastOfNetwork | None":
        """Return an empty cache for decoding step by step.

        None where the model has another kind of past, or documents, which the library's cache does not know.
        """
        if self.document_start is not None or not {"cache", "past_key_values"} & self._takes:
            return None
        past = transformers().DynamicCache(config=self.network.config)
        return PastOfNetwork(past=past, capacity=self.context_length)


class PastOfNetwork:
    """What a model of transformers keeps of the tokens before, for use without gradients."""

    def __init__(self, *, past: Any, capacity: int) -> None:
        self.past = past
        self.capacity = capacity
        self.length = 0
