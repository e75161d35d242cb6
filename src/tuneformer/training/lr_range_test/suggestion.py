"""From the losses of a range test to a learning rate, with the reason."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

SMOOTHING = 0.9
LEAST_FALL = 0.02
KNEE = 0.95
BELOW_KNEE = 1.3


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A rate to try first, None where the losses give none; `reason` says why in one sentence."""

    rate: float | None
    reason: str


def smooth(losses: Sequence[float]) -> list[float]:
    """Exponential moving average, corrected for its start: s_t = sum a^(t-i) l_i / sum a^(t-i), a = 0.9."""
    smoothed, total, weight = [], 0.0, 0.0
    for loss in losses:
        total = SMOOTHING * total + loss
        weight = SMOOTHING * weight + 1
        smoothed.append(total / weight)
    return smoothed


def suggest(rates: Sequence[float], losses: Sequence[float]) -> Suggestion:
    """The rate by which 95 % of the smoothed loss's fall are done, over 1.3.

    Both numbers were chosen on the tuned rates of the study of optimizers (docs/guide-optimizers.md says
    how close it comes). None where the loss never fell, or the range does not hold the whole fall.
    """
    finite = [(rate, loss) for rate, loss in zip(rates, losses, strict=True) if math.isfinite(loss)]
    smoothed = smooth([loss for _, loss in finite])
    if not smoothed or min(smoothed) > smoothed[0] * (1 - LEAST_FALL):
        return Suggestion(rate=None, reason="the loss never fell: choose a range with lower or higher rates")
    target = smoothed[0] - KNEE * (smoothed[0] - min(smoothed))
    knee = next(index for index, loss in enumerate(smoothed) if loss <= target)
    if len(finite) == len(losses) and min(smoothed) == smoothed[-1]:
        return Suggestion(
            rate=None, reason=f"the loss still fell at the end of the range, {rates[-1]:.2g}: raise --high"
        )
    at = finite[knee][0]
    return Suggestion(
        rate=at / BELOW_KNEE,
        reason=f"by {at:.2g} the loss had fallen {KNEE:.0%} of the way from {smoothed[0]:.3g} to"
        f" {min(smoothed):.3g}; a whole run does best at about 1/{BELOW_KNEE:g} of that rate",
    )
