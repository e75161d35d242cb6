"""The class of a sequence from the states of an LSTM."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from tuneformer.models.attention.layer_spec import AttentionSite
from tuneformer.models.flops import matrix_flops
from tuneformer.models.initialization import initialize
from tuneformer.models.recurrent.alignment import Alignment
from tuneformer.models.recurrent.lstm import LstmEncoder
from tuneformer.models.recurrent.translator import check_directions


class LstmClassifier(nn.Module):
    """logits = W_output h_T + b, h_T the last hidden state of the top layer, of both directions.

    With a `score` the last state looks at all: logits = W_output tanh(W_combine [c; h_T]) + b, c what an
    alignment gathers for h_T (arXiv 1508.04025, equation 5, with one query). Padding changes nothing.
    """

    def __init__(
        self,
        *,
        vocab_size: int,
        n_classes: int,
        n_layers: int,
        d_model: int,
        bidirectional: bool,
        dropout: float,
        initialization: str,
        score: str | None,
    ) -> None:
        """Build on torch's default device.

        Raises:
            UserError: a setting that cannot be built.
        """
        super().__init__()
        check_directions(d_model, bidirectional=bidirectional)
        self.d_model = d_model
        self.n_layers = n_layers
        self.initialization = initialization
        device = torch.get_default_device()
        # without storage first: torch's own layers would draw weights that nobody keeps
        with torch.device("meta"):
            self.token_embedding = nn.Embedding(vocab_size, d_model)
            self.dropout = nn.Dropout(dropout)
            self.encoder = LstmEncoder(
                d_model=d_model, n_layers=n_layers, bidirectional=bidirectional, dropout=dropout
            )
            self.alignment = None
            if score is not None:
                site = AttentionSite("pooling", 0)
                self.alignment = Alignment(score=score, d_model=d_model, site=site)
                self.combine = nn.Linear(2 * d_model, d_model, bias=False)
            self.output = nn.Linear(d_model, n_classes)
        self.to_empty(device=device)
        self.initialize()

    def initialize(self) -> None:
        """Draw all weights anew: those of LSTMs as they do it, all others by the scheme."""
        initialize(self, scheme=self.initialization, d_model=self.d_model, n_layers=self.n_layers)

    def forward(
        self, tokens: Int[Tensor, "batch time"], visible: Bool[Tensor, "batch time"] | None = None
    ) -> Float[Tensor, "batch class"]:
        """Return the logits of the classes; `visible`: true where a token is no padding, None: everywhere."""
        if visible is None:
            visible = torch.ones_like(tokens, dtype=torch.bool)
        states, last = self.encoder(self.dropout(self.token_embedding(tokens)), visible)
        summary = last.hidden[-1]
        if self.alignment is not None:
            found = self.alignment(summary, self.alignment.read(states, visible))
            summary = torch.tanh(self.combine(torch.cat((found, summary), dim=-1)))
        return self.output(self.dropout(summary))

    def n_positions(self, n_tokens: int | float) -> int | float:
        """Return the tokens of an example."""
        return n_tokens

    def forward_flops(self, n_tokens: int | float) -> float:
        """Return the operations of a forward pass over an example of so many tokens."""
        once = matrix_flops(self.output)
        if self.alignment is not None:
            once += matrix_flops(self.combine) + self.alignment.flops(n_queries=1, n_keys=n_tokens)
        return n_tokens * matrix_flops(self.encoder) + once
