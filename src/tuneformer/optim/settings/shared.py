"""Settings that several optimizers have."""

from typing import Annotated

from tuneformer.config.ranges import BELOW_ONE, NOT_NEGATIVE, POSITIVE, Number
from tuneformer.config.setting import Setting

PER_STEP = "per step and unit of lr"
LIKE_ADAMW = "as AdamW's"

ADAM_RATES = (5.0e-4, 3.2e-2)
"""A factor 8 each way from what is best for a small Transformer (docs/results/optimizers.md)."""

DECAYS = (1.0e-2, 1.0)

MOMENTA = (0.8, 0.9, 0.95, 0.98)
PAIRS_OF_MOMENTA = ([0.8, 0.95], [0.9, 0.95], [0.9, 0.99], [0.95, 0.99])
"""One shorter and one longer than the two that are usual (2005.14165; 1412.6980 and nanoGPT)."""


def peak_rate(source: str, search: tuple[float, float] | None = ADAM_RATES) -> Setting:
    """The learning rate, and where a search looks for it."""
    return Setting("peak rate", POSITIVE, source=source, search=search)


def decay(
    source: str, what: str = "weight decay", unit: str = PER_STEP, search: tuple[float, float] | None = DECAYS
) -> Setting:
    """The weight decay, and where a search looks for it."""
    return Setting(what, NOT_NEGATIVE, unit=unit, source=source, search=search, also_try=(0.1, 0.01))


def moments(source: str) -> Setting:
    """The decays of Adam's averages."""
    return Setting(
        "decay of the first and second moment",
        BELOW_ONE,
        source=source,
        momenta=PAIRS_OF_MOMENTA,
        also_try=([0.9, 0.99], [0.9, 0.95]),
    )


def momentum(source: str, what: str = "decay of the momentum") -> Setting:
    """The decay of the average that a step follows."""
    return Setting(what, BELOW_ONE, source=source, momenta=MOMENTA)


def moving_average(source: str, what: str) -> Setting:
    """The decay of another average."""
    return Setting(what, BELOW_ONE, source=source)


def epsilon(source: str, what: str = "added to sqrt(vhat)") -> Setting:
    """What keeps a denominator from zero."""
    return Setting(what, POSITIVE, source=source, also_try=(1.0e-8, 1.0e-6))


Rate = Annotated[Number, peak_rate(LIKE_ADAMW)]
Decay = Annotated[Number, decay(LIKE_ADAMW)]
Moments = Annotated[tuple[Number, Number], moments(LIKE_ADAMW)]
Epsilon = Annotated[Number, epsilon(LIKE_ADAMW)]
Fused = Annotated[bool, Setting("one kernel for the whole update, on CPU and GPU")]
Foreach = Annotated[bool, Setting("the update over lists of tensors")]
Maximize = Annotated[bool, Setting("step uphill")]
Decoupled = Annotated[bool, Setting("false: L2, added to the gradient")]
FixedDecay = Annotated[bool, Setting("true: decay independent of lr")]
