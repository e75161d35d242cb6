"""Sequence to sequence with LSTMs and attention: each token of the target looks at all of the source."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from tuneformer.models.attention.layer_spec import AttentionSite
from tuneformer.models.flops import matrix_flops
from tuneformer.models.recurrent.alignment import Alignment, Source
from tuneformer.models.recurrent.lstm import LstmCell, LstmState
from tuneformer.models.recurrent.translator import RecurrentTranslator, TranslatorState
from tuneformer.models.sequence_to_sequence import DecodingState
from tuneformer.models.settings import LstmAttentionSettings


@dataclass(kw_only=True)
class AttentiveState(TranslatorState):
    """The state of the decoder, what it fed forward at the last token, and the source."""

    fed: Float[Tensor, "batch d_model"]
    source: Source

    def select(self, rows: Int[Tensor, " new_batch"]) -> None:
        super().select(rows)
        self.fed, self.source = self.fed[rows], self.source.select(rows)


class LstmAttentionTranslator(RecurrentTranslator):
    """logits_t = W_output h~_t, h~_t = tanh(W_combine [c_t; s_t]), c_t what an alignment gathers.

    score=additive (Bahdanau et al., arXiv 1409.0473): the state before looks, and the new one reads what
    was found: c_t by s_(t-1), then s_t = LSTM([W_embedding y_t; c_t], s_(t-1)). The paper has a GRU and a
    maxout layer in place of h~.
    score=multiplicative (Luong et al., 1508.04025, 3.1 "general", 3.3 input feeding): s_t =
    LSTM([W_embedding y_t; h~_(t-1)], s_(t-1)), then c_t by s_t; h~_0 = 0.
    s is the top layer; the decoder begins in the state in which the encoder ends.
    """

    def __init__(self, settings: LstmAttentionSettings) -> None:
        """Build on torch's default device.

        Raises:
            UserError: a setting that cannot be built.
        """
        d_model = settings.d_model
        with self.drawn_once():
            super().__init__(settings)
            widths = [2 * d_model, *[d_model] * (settings.n_layers - 1)]
            self.cells = nn.ModuleList(LstmCell(width, d_model) for width in widths)
            self.alignment = Alignment(score=settings.score, d_model=d_model, site=AttentionSite("cross", 0))
            self.combine = nn.Linear(2 * d_model, d_model, bias=False)
        self.looks_before = settings.score == "additive"

    def forward(
        self,
        source: Int[Tensor, "batch source"],
        visible: Bool[Tensor, "batch source"],
        target: Int[Tensor, "batch target"],
    ) -> Float[Tensor, "batch target vocab"]:
        """Return the logits of the token after each token of the target."""
        state = self.begin(source, visible)
        combined = [self.step(x, state) for x in self.embed(target).unbind(dim=1)]
        return self.logits(torch.stack(combined, dim=1))

    def begin(
        self, source: Int[Tensor, "batch source"], visible: Bool[Tensor, "batch source"]
    ) -> AttentiveState:
        states, last = self.encoder(self.embed(source), visible)
        return AttentiveState(
            layers=last,
            fed=torch.zeros_like(last.hidden[-1]),
            source=self.alignment.read(states, visible),
        )

    def advance(self, tokens: Int[Tensor, " batch"], state: DecodingState) -> Float[Tensor, "batch vocab"]:
        assert isinstance(state, AttentiveState)
        return self.logits(self.step(self.embed(tokens), state))

    def step(
        self, x: Float[Tensor, "batch d_model"], state: AttentiveState
    ) -> Float[Tensor, "batch d_model"]:
        """Take one token of the target, which changes `state`; return h~."""
        if self.looks_before:
            found = self.alignment(state.layers.hidden[-1], state.source)
            top = self._advance_cells(torch.cat((x, found), dim=-1), state)
        else:
            top = self._advance_cells(torch.cat((x, state.fed), dim=-1), state)
            found = self.alignment(top, state.source)
        state.fed = torch.tanh(self.combine(torch.cat((found, top), dim=-1)))
        return state.fed

    def forward_flops(self, n_tokens: int | float) -> float:
        """Return the operations of a forward pass over a pair of so many tokens on each side."""
        a_token = matrix_flops(self.encoder, self.cells, self.combine, self.output or self.token_embedding)
        return n_tokens * a_token + self.alignment.flops(n_queries=n_tokens, n_keys=n_tokens)

    def _advance_cells(
        self, x: Float[Tensor, "batch width"], state: AttentiveState
    ) -> Float[Tensor, "batch d_model"]:
        hidden, cell = [], []
        for layer, lstm_cell in enumerate(self.cells):
            x, c = lstm_cell(x, (state.layers.hidden[layer], state.layers.cell[layer]))
            hidden.append(x)
            cell.append(c)
            if layer + 1 < len(self.cells):
                x = self.dropout(x)
        state.layers = LstmState(torch.stack(hidden), torch.stack(cell))
        return x
