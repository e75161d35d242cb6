"""A learning-rate schedule."""

from typing import Annotated

from tuneformer.config.ranges import ZERO_TO_ONE, Number
from tuneformer.config.setting import Setting


def tent(
    step: int,
    *,
    horizon: int,
    floor: Annotated[Number, Setting("first and last rate / peak rate", ZERO_TO_ONE)],
) -> float:
    """From floor to 1 in the middle of the run, and back."""
    middle = (horizon - 1) / 2
    return 1.0 if middle == 0 else floor + (1 - floor) * (1 - abs(min(step, horizon - 1) - middle) / middle)
