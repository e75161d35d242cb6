"""Sequence to sequence with LSTMs alone: all that the target learns of the source is one state."""

from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from tuneformer.models.family import ModelFamily
from tuneformer.models.flops import matrix_flops
from tuneformer.models.recurrent.lstm import Lstm, LstmEncoder, LstmState
from tuneformer.models.sequence_to_sequence import DecodingState, SequenceToSequence
from tuneformer.models.settings import LstmSettings


@dataclass(kw_only=True)
class TranslatorState(DecodingState):
    """The state of every layer of the decoder."""

    layers: LstmState

    def select(self, rows: Int[Tensor, " new_batch"]) -> None:
        self.layers = self.layers.select(rows)


class RecurrentTranslator(ModelFamily, SequenceToSequence):
    """What recurrent translators share: one embedding of both sides, the encoder, the output.

    Dropout acts on embeddings, between layers and before the output matrix (arXiv 1409.2329).
    """

    def __init__(self, settings: LstmSettings) -> None:
        super().__init__(settings)
        settings.check(None)
        self.context_length = settings.context_length
        self.token_embedding = nn.Embedding(settings.vocab_size, settings.d_model)
        self.dropout = nn.Dropout(settings.dropout)
        self.encoder = LstmEncoder(
            d_model=settings.d_model,
            n_layers=settings.n_layers,
            bidirectional=settings.bidirectional,
            dropout=settings.dropout,
        )
        tied = settings.tie_embeddings
        self.output = None if tied else nn.Linear(settings.d_model, settings.vocab_size, bias=False)

    def embed(self, tokens: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch d_model"]:
        """Return W_token[token]."""
        return self.dropout(self.token_embedding(tokens))

    def logits(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch vocab"]:
        """Return W_output x; W_output = W_token where they are tied (arXiv 1608.05859)."""
        x = self.dropout(x)
        return F.linear(x, self.token_embedding.weight) if self.output is None else self.output(x)

    def n_positions(self, n_tokens: int | float) -> int | float:
        """Return the tokens of a source and of a target of `n_tokens` each."""
        return 2 * n_tokens


class LstmTranslator(RecurrentTranslator):
    """The decoder begins in the state in which the encoder ends (Sutskever et al., arXiv 1409.3215).

    logits_t = W_output h_t, where h is the top layer of an LSTM over the target that begins, layer by
    layer, with the encoder's last hidden and cell state.
    """

    def __init__(self, settings: LstmSettings) -> None:
        """Build on torch's default device.

        Raises:
            UserError: a setting that cannot be built.
        """
        with self.drawn_once():
            super().__init__(settings)
            self.decoder = Lstm(
                settings.d_model,
                settings.d_model,
                num_layers=settings.n_layers,
                dropout=settings.dropout if settings.n_layers > 1 else 0.0,
                batch_first=True,
            )

    def forward(
        self,
        source: Int[Tensor, "batch source"],
        visible: Bool[Tensor, "batch source"],
        target: Int[Tensor, "batch target"],
    ) -> Float[Tensor, "batch target vocab"]:
        """Return the logits of the token after each token of the target."""
        _, last = self.encoder(self.embed(source), visible)
        states, _ = self.decoder(self.embed(target), tuple(last))
        return self.logits(states)

    def begin(
        self, source: Int[Tensor, "batch source"], visible: Bool[Tensor, "batch source"]
    ) -> TranslatorState:
        return TranslatorState(layers=self.encoder(self.embed(source), visible)[1])

    def advance(self, tokens: Int[Tensor, " batch"], state: DecodingState) -> Float[Tensor, "batch vocab"]:
        assert isinstance(state, TranslatorState)
        hidden, cell = (part.contiguous() for part in state.layers)
        states, last = self.decoder(self.embed(tokens.unsqueeze(1)), (hidden, cell))
        state.layers = LstmState(*last)
        return self.logits(states[:, 0])

    def forward_flops(self, n_tokens: int | float) -> float:
        """Return the operations of a forward pass over a pair of so many tokens on each side."""
        return n_tokens * matrix_flops(self.encoder, self.decoder, self.output or self.token_embedding)
