"""Long short-term memory, by torch's kernels."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class LstmState(NamedTuple):
    """What every layer of an LSTM carries from one token to the next."""

    hidden: Float[Tensor, "layer batch width"]
    cell: Float[Tensor, "layer batch width"]

    def select(self, rows: Int[Tensor, " new_batch"]) -> "LstmState":
        """Return the state of these sequences of the batch, in this order."""
        return LstmState(self.hidden[:, rows], self.cell[:, rows])


class Lstm(nn.LSTM):
    """h_t of every token, (batch, time, width):

        (i, f, g, o) = W_ih x_t + b_ih + W_hh h_(t-1) + b_hh
        c_t = sigma(f) c_(t-1) + sigma(i) tanh(g),   h_t = sigma(o) tanh(c_t)

    Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000. Each weight holds the four
    gates one below the other. Dropout acts between layers (arXiv 1409.2329). Weights begin uniform within
    1 / sqrt(width), biases at 0 but those of the forget gate at 1 (Jozefowicz et al. 2015).
    """

    def reset_parameters(self) -> None:
        for name, parameter in self.named_parameters(recurse=False):
            draw_lstm_parameter(name, parameter, width=self.hidden_size)


class LstmCell(nn.LSTMCell):
    """The same equations for one token and one layer."""

    def reset_parameters(self) -> None:
        for name, parameter in self.named_parameters(recurse=False):
            draw_lstm_parameter(name, parameter, width=self.hidden_size)


@torch.no_grad()
def draw_lstm_parameter(name: str, parameter: Tensor, *, width: int) -> None:
    """Draw one parameter of an LSTM (see Lstm), on the CPU in float32; nothing on the meta device."""
    if parameter.is_meta:
        return
    if name.startswith("bias"):
        parameter.zero_()
        if name.startswith("bias_ih"):
            parameter[width : 2 * width] = 1.0
        return
    drawn = torch.empty(parameter.shape, dtype=torch.float32, device="cpu")
    parameter.copy_(nn.init.uniform_(drawn, -1 / math.sqrt(width), 1 / math.sqrt(width)))


class LstmEncoder(nn.Module):
    """The states of an LSTM at every token, and the one at the end, padding left out.

    With `bidirectional` each layer is two LSTMs of half the width, one from either end, and their states
    stand side by side (arXiv 1409.0473, 3.2): state j knows what is around token j.
    """

    def __init__(self, *, d_model: int, n_layers: int, bidirectional: bool, dropout: float) -> None:
        super().__init__()
        assert not (bidirectional and d_model % 2)
        self.lstm = Lstm(
            d_model,
            d_model // 2 if bidirectional else d_model,
            num_layers=n_layers,
            bidirectional=bidirectional,
            dropout=dropout if n_layers > 1 else 0.0,
            batch_first=True,
        )

    def forward(
        self, x: Float[Tensor, "batch time d_model"], visible: Bool[Tensor, "batch time"]
    ) -> tuple[Float[Tensor, "batch time d_model"], LstmState]:
        """Return all states, 0 at padding, and the last ones of every layer.

        `visible`: true where a token is no padding; the tokens of a row come first. A row without any has
        read nothing: all its states are 0.
        """
        lengths = visible.sum(dim=1)
        # packing reads lengths on the CPU, and takes none of 0
        packed = pack_padded_sequence(x, lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False)
        states, (hidden, cell) = self.lstm(packed)
        unpacked, _ = pad_packed_sequence(states, batch_first=True, total_length=x.shape[1])
        nothing = (lengths == 0)[:, None]
        hidden, cell = hidden.masked_fill(nothing, 0.0), cell.masked_fill(nothing, 0.0)
        return unpacked.masked_fill(nothing[:, None], 0.0), LstmState(self._join(hidden), self._join(cell))

    def _join(self, state: Float[Tensor, "direction batch half"]) -> Float[Tensor, "layer batch d_model"]:
        if not self.lstm.bidirectional:
            return state
        directions = state.unflatten(0, (-1, 2))  # (L D, B, H) -> (L, D, B, H)
        return torch.cat(directions.unbind(1), dim=-1)
