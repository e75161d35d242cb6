"""Feed-forward layers: each token by itself."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from tuneformer.models.choice import choose


class FeedForward(nn.Module):
    """What every kind has: `down`, the matrix that reads the hidden units."""

    down: nn.Linear


class GeluFeedForward(FeedForward):
    """y = W_down gelu(W_up x), gelu(x) = x Phi(x) with the exact Phi (arXiv 1606.08415)."""

    def __init__(self, *, d_model: int, d_ff: int, bias: bool) -> None:
        super().__init__()
        self.up = nn.Linear(d_model, d_ff, bias=bias)
        self.down = nn.Linear(d_ff, d_model, bias=bias)

    def forward(self, x: Float[Tensor, "batch time d_model"]) -> Float[Tensor, "batch time d_model"]:
        """Apply the equation above."""
        return self.down(F.gelu(self.up(x)))


class SquaredReluFeedForward(FeedForward):
    """y = W_down max(0, W_up x)^2 (Primer, arXiv 2109.08668)."""

    def __init__(self, *, d_model: int, d_ff: int, bias: bool) -> None:
        super().__init__()
        self.up = nn.Linear(d_model, d_ff, bias=bias)
        self.down = nn.Linear(d_ff, d_model, bias=bias)

    def forward(self, x: Float[Tensor, "batch time d_model"]) -> Float[Tensor, "batch time d_model"]:
        """Apply the equation above."""
        hidden = F.relu(self.up(x))
        return self.down(hidden * hidden)  # square() goes back through a power, which takes longer


class SwigluFeedForward(FeedForward):
    """y = W_down (silu(W_gate x) * W_up x), silu(x) = x sigmoid(x) (arXiv 2002.05202)."""

    def __init__(self, *, d_model: int, d_ff: int, bias: bool) -> None:
        super().__init__()
        self.gate = nn.Linear(d_model, d_ff, bias=bias)
        self.up = nn.Linear(d_model, d_ff, bias=bias)
        self.down = nn.Linear(d_ff, d_model, bias=bias)

    def forward(self, x: Float[Tensor, "batch time d_model"]) -> Float[Tensor, "batch time d_model"]:
        """Apply the equation above."""
        return self.down(F.silu(self.gate(x)) * self.up(x))


FEED_FORWARDS: dict[str, type[FeedForward]] = {
    "gelu": GeluFeedForward,
    "swiglu": SwigluFeedForward,
    "squared_relu": SquaredReluFeedForward,
}


def default_d_ff(name: str, *, d_model: int) -> int:
    """Return the hidden width that gives every kind about 8 d_model^2 parameters.

    4 d_model; for swiglu with its third matrix 8/3 d_model, rounded up to a multiple of 8.
    """
    if name == "swiglu":
        return -(-8 * d_model // (3 * 8)) * 8
    return 4 * d_model


def make_feed_forward(name: str, *, d_model: int, d_ff: int | None, bias: bool) -> nn.Module:
    """Return the layer that `model.feed_forward` names; `d_ff=None` takes `default_d_ff`."""
    kind = choose("model.feed_forward", name, FEED_FORWARDS)
    width = default_d_ff(name, d_model=d_model) if d_ff is None else d_ff
    return kind(d_model=d_model, d_ff=width, bias=bias)
