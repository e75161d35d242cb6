"""The class of a sequence from the states of an LSTM."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from tuneformer.models.attention.layer_spec import AttentionSite
from tuneformer.models.family import ModelFamily
from tuneformer.models.flops import matrix_flops
from tuneformer.models.recurrent.alignment import Alignment
from tuneformer.models.recurrent.lstm import LstmEncoder
from tuneformer.models.settings import LstmSettings


class LstmClassifier(ModelFamily):
    """logits = W_output h_T + b, h_T the last hidden state of the top layer, of both directions.

    With a `score` the last state looks at all: logits = W_output tanh(W_combine [c; h_T]) + b, c what an
    alignment gathers for h_T (arXiv 1508.04025, equation 5, with one query). Padding changes nothing.
    """

    def __init__(self, settings: LstmSettings, *, score: str | None) -> None:
        """Build on torch's default device.

        Raises:
            UserError: a setting that cannot be built.
        """
        assert settings.n_classes is not None
        settings.check(None)
        super().__init__(settings)
        d_model = settings.d_model
        with self.drawn_once():
            self.token_embedding = nn.Embedding(settings.vocab_size, d_model)
            self.dropout = nn.Dropout(settings.dropout)
            self.encoder = LstmEncoder(
                d_model=settings.d_model,
                n_layers=settings.n_layers,
                bidirectional=settings.bidirectional,
                dropout=settings.dropout,
            )
            self.alignment = None
            if score is not None:
                site = AttentionSite("pooling", 0)
                self.alignment = Alignment(score=score, d_model=d_model, site=site)
                self.combine = nn.Linear(2 * d_model, d_model, bias=False)
            self.output = nn.Linear(d_model, settings.n_classes)

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

    def forward_flops(self, n_tokens: int | float) -> float:
        """Return the operations of a forward pass over an example of so many tokens."""
        once = matrix_flops(self.output)
        if self.alignment is not None:
            once += matrix_flops(self.combine) + self.alignment.flops(n_queries=1, n_keys=n_tokens)
        return n_tokens * matrix_flops(self.encoder) + once
