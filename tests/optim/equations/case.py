"""One setting of an optimizer option, and the equations that it must follow."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray
Gradients = Callable[[int], Array]
"""gradient(t) for t = 1, 2, ..., STEPS."""

STEPS = 10
FACTORS = [1 - 0.05 * t for t in range(STEPS)]  # a rate that changes, as under a schedule


@dataclass(frozen=True)
class Case:
    """`option` with some settings `changed`, against `reference(theta, gradient, settings) -> theta`.

    The reference takes STEPS steps in float64 NumPy on one matrix or one vector, each at the rate
    settings["lr"] * FACTORS[t - 1]. `tolerance` is relative to the largest change of any element, and is
    set only where the optimizer computes in less than float64, which a comment beside the case says.
    `shape` is that of the matrix.
    """

    option: str
    reference: Callable[[Array, Gradients, dict[str, Any]], Array]
    changed: dict[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-11
    shape: tuple[int, int] = (5, 3)

    def __str__(self) -> str:
        return f"{self.option} {self.changed or ''}".strip()
