"""The orthogonal factor of a matrix, nearly, by products alone."""

from jaxtyping import Float
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of Muon (https://kellerjordan.github.io/posts/muon): steepest at 0, so that few steps are enough."""


def newton_schulz(
    matrix: Float[Tensor, "rows columns"], *, steps: int, eps: float = 1e-7
) -> Float[Tensor, "rows columns"]:
    """U S' V^T for the matrix U S V^T, each singular value in S' about 1 (0.7 to 1.2 after 5 steps).

    X <- a X + (b A + c A^2) X with A = X X^T, from X = matrix / ||matrix||_F, `steps` times, on the
    wider of the matrix and its transpose. In the matrix's own precision.
    """
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    X = matrix.mT if tall else matrix
    X = X / X.norm().clamp(min=eps)
    for _ in range(steps):
        A = X @ X.mT
        X = a * X + (b * A + c * A @ A) @ X
    return X.mT if tall else X
