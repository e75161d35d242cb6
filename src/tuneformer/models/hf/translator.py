"""A model of transformers that turns one sequence into another."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tuneformer.models.hf.architecture import START
from tuneformer.models.hf.kinds import TRANSLATOR
from tuneformer.models.hf.layers import layer_parts_of
from tuneformer.models.hf.library import transformers
from tuneformer.models.hf.model import HuggingFaceModel
from tuneformer.models.hf.settings import HuggingFaceSettings
from tuneformer.models.parts import LayerPart
from tuneformer.models.sequence_to_sequence import DecodingState, SequenceToSequence


def start_of(network: Any, end_token: int) -> int:
    """The token that the decoder of a network reads first: that of its settings, or else the end."""
    start = getattr(network.config, START, None)
    return end_token if start is None else start


CROSS = ("cross", "enc")
"""What the name of an attention module of a decoder holds where it looks at the encoder."""


@dataclass(kw_only=True)
class StateOfNetwork(DecodingState):
    """The encoder's output, which of it are tokens, and the library's keys and values."""

    memory: Float[Tensor, "batch source d_model"]
    visible: Bool[Tensor, "batch source"]
    past: Any

    def select(self, rows: Int[Tensor, " new_batch"]) -> None:
        self.memory, self.visible = self.memory[rows], self.visible[rows]
        if self.past.get_seq_length() > 0:
            self.past.reorder_cache(rows)


class HuggingFaceTranslator(HuggingFaceModel, SequenceToSequence):
    """Logits of the next token of the target, given the source, by two stacks of transformers."""

    kind = TRANSLATOR
    stack = "encoder"

    def __init__(self, *, settings: HuggingFaceSettings) -> None:
        """Build on torch's default device, in float32.

        Raises:
            UserError: there is no such architecture, or the weights do not fit it.
        """
        self._n_data_tokens = settings.n_tokens
        super().__init__(settings=settings)
        self._start = None if settings.end_token is None else start_of(self.network, settings.end_token)

    def forward(
        self,
        source: Int[Tensor, "batch source"],
        visible: Bool[Tensor, "batch source"],
        target: Int[Tensor, "batch target"],
    ) -> Float[Tensor, "batch target vocab"]:
        """Return the logits of the token after each token of the target.

        In place of the first the decoder reads what its own tokenizer has it begin with.
        """
        given = {"input_ids": source, "attention_mask": visible.long()}
        given["decoder_input_ids"] = self._begun(target)
        return self.network(**given, use_cache=False).logits

    def tried_inputs(self) -> dict[str, Tensor]:
        tokens = torch.zeros(1, 1, dtype=torch.long)
        return {"input_ids": tokens, "attention_mask": torch.ones_like(tokens), "decoder_input_ids": tokens}

    def begin(
        self, source: Int[Tensor, "batch source"], visible: Bool[Tensor, "batch source"]
    ) -> StateOfNetwork:
        read = self.network.get_encoder()(input_ids=source, attention_mask=visible.long())
        library, config = transformers(), self.network.config
        past = library.EncoderDecoderCache(*(library.DynamicCache(config=config) for _ in range(2)))
        return StateOfNetwork(memory=read[0], visible=visible, past=past)

    def advance(self, tokens: Int[Tensor, " batch"], state: DecodingState) -> Float[Tensor, "batch vocab"]:
        assert isinstance(state, StateOfNetwork)
        read = transformers().modeling_outputs.BaseModelOutput(last_hidden_state=state.memory)
        if state.past.get_seq_length() == 0:
            tokens = self._begun(tokens.unsqueeze(1)).squeeze(1)
        name = "cache" if "cache" in self._takes else "past_key_values"
        given = {"encoder_outputs": read, "attention_mask": state.visible.long(), name: state.past}
        logits = self.network(**given, decoder_input_ids=tokens.unsqueeze(1), use_cache=True).logits
        return logits[:, -1, : self._n_data_tokens]  # a folder's model may know more tokens

    @torch.no_grad()
    def written(self, source: Int[Tensor, "1 source"], *, at_most: int) -> list[int]:
        """Return what follows the token that begins a target, as the library writes it without a search."""
        visible = torch.ones_like(source)
        how = {"num_beams": 1, "do_sample": False, "max_new_tokens": at_most}
        given = self.network.generate(input_ids=source, attention_mask=visible, **how)
        return given[0, 1:].tolist()

    def _begun(self, target: Int[Tensor, "batch target"]) -> Int[Tensor, "batch target"]:
        if self._start is None:  # both begin with the token that the data end with
            return target
        return torch.cat((torch.full_like(target[:, :1], self._start), target[:, 1:]), dim=1)

    def stack_of(self, name: str) -> str:
        parts = name.split(".")
        if "decoder" not in parts:
            return "encoder"
        return "cross" if parts[-1].lower().startswith(CROSS) else "decoder"

    def layer_parts(self) -> list[LayerPart]:
        return layer_parts_of(self.network, self.stack_of)

    def n_positions(self, n_tokens: int | float) -> int | float:
        """Return the tokens of a source and of a target of `n_tokens` each."""
        return 2 * n_tokens

    def forward_flops(self, n_tokens: int | float) -> float:
        """Return the operations of a forward pass over such a pair: a decoder layer mixes twice."""
        return super().forward_flops(n_tokens) + 2 * 4.0 * self.d_model * n_tokens**2 * self.n_layers
