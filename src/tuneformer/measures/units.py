"""Measures of the hidden units of feed-forward layers."""

from jaxtyping import Float
from torch import Tensor

from tuneformer.measures.precision import full_precision

LEAST_ACTIVITY = 0.01
"""Of the root mean square over all units, below which a unit counts as silent: our own."""


def dead_units(activations: Float[Tensor, "*any unit"]) -> Float[Tensor, ""]:
    """Return the share of units that are silent on every token: max |a| <= 0.01 rms of the layer.

    Of a ReLU those that are never above 0; a GELU or SwiGLU unit is hardly ever 0 to the bit, and as silent
    where it stays on the flat side. It gets no gradient there and stays so (1903.06733). Null: that at
    initialisation, about 0. 1 where all activations are 0.

    Args:
        activations: what the units give, on tokens that say much of the text.
    """
    a = full_precision(activations).abs().flatten(0, -2)
    return (a.amax(dim=0) <= LEAST_ACTIVITY * a.square().mean().sqrt()).to(a.dtype).mean()
