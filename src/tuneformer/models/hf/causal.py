"""A causal language model of transformers as a model of ours: tokens in, logits out."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tuneformer.models.hf.kinds import CAUSAL
from tuneformer.models.hf.library import transformers
from tuneformer.models.hf.model import HuggingFaceModel


class HuggingFaceDecoder(HuggingFaceModel):
    """Logits of the next token, by a model of transformers that reads token ids."""

    kind = CAUSAL
    stack = "decoder"

    def forward(
        self, tokens: Int[Tensor, "batch time"], cache: "PastOfNetwork | None" = None
    ) -> Float[Tensor, "batch time vocab"]:
        """Return the logits of the token after each token; with a cache `tokens` continue those in it."""
        given: dict[str, Any] = {"input_ids": tokens}
        if "use_cache" in self._takes:
            given["use_cache"] = cache is not None
        if cache is not None:
            given["cache" if "cache" in self._takes else "past_key_values"] = cache.past
            cache.length += tokens.shape[1]
        return self.network(**given).logits

    def tried_inputs(self) -> dict[str, Tensor]:
        return {"input_ids": torch.zeros(1, 1, dtype=torch.long)}

    def new_cache(self) -> "PastOfNetwork | None":
        """Return an empty cache for decoding step by step; None where the model has another kind of past."""
        if not {"cache", "past_key_values"} & self._takes:
            return None
        past = transformers().DynamicCache(config=self.network.config)
        return PastOfNetwork(past=past, capacity=self.context_length)


class PastOfNetwork:
    """What a model of transformers keeps of the tokens before, for use without gradients."""

    def __init__(self, *, past: Any, capacity: int) -> None:
        self.past = past
        self.capacity = capacity
        self.length = 0
