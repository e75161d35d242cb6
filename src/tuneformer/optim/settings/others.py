"""Optimizers of neither kind, and what is said of a class that nobody described."""

from typing import Annotated

from tuneformer.config.described import describes
from tuneformer.config.ranges import (
    AT_LEAST_ONE,
    BELOW_ONE,
    LARGEST_POWER,
    NOT_NEGATIVE,
    POSITIVE,
    ZERO_TO_ONE,
    Number,
    Range,
)
from tuneformer.config.setting import Component, Setting
from tuneformer.optim.facts import Facts, of_momentum
from tuneformer.optim.settings.shared import (
    Decay,
    Fused,
    Moments,
    Rate,
    decay,
    epsilon,
    momentum,
    peak_rate,
)

NOT_POSITIVE = Range(
    low=-LARGEST_POWER,
    high=0,
    holds_low=True,
    holds_high=True,
    words=f"must be 0 or less, from {-LARGEST_POWER} on",
)


@describes("optimizer", "torch.optim.SGD")
class SGDSettings:
    """Stochastic gradient descent with momentum."""

    # torch has no fused SGD for shards
    facts = Facts(works_on_shards=True, changed_on_shards={"fused": False}, state_numbers=of_momentum)
    lr: Annotated[Number, peak_rate("ResNet, 1512.03385", (5.0e-2, 3.2))]
    momentum: Annotated[Number, momentum("ResNet, 1512.03385", "decay of the buffer")]
    dampening: Annotated[
        Number, Setting("share of the gradient kept out of the buffer; 0 with nesterov", ZERO_TO_ONE)
    ]
    nesterov: Annotated[bool, Setting("look ahead: g + momentum b in place of b")]
    weight_decay: Annotated[
        Number,
        decay(
            "ResNet, 1512.03385",
            "L2 penalty: added to the gradient times the parameter",
            unit="",
            search=(1.0e-5, 1.0e-3),
        ),
    ]
    fused: Fused


@describes("optimizer", "tuneformer.optim.adafactor.Adafactor")
class AdafactorSettings:
    """Adam with its second moment factored into rows and columns (1804.04235)."""

    lr: Annotated[
        Number,
        Setting("largest relative step", POSITIVE, source="1804.04235", search=(1.3e-3, 8.0e-2)),
    ]
    beta2_decay: Annotated[Number, Setting("beta2_t = 1 - t^beta2_decay", NOT_POSITIVE, source="1804.04235")]
    eps: Annotated[
        tuple[Number, Number],
        Setting("added to g^2; lower bound of RMS(theta)", POSITIVE, source="1804.04235"),
    ]
    d: Annotated[Number, Setting("largest RMS of the update before its rate", POSITIVE, source="1804.04235")]
    weight_decay: Decay


@describes("optimizer", "tuneformer.optim.lamb.LAMB")
class LAMBSettings:
    """Adam whose step of a tensor has the length of the tensor (1904.00962)."""

    facts = Facts(works_on_shards=True, state_numbers=2)
    lr: Annotated[Number, peak_rate("BERT in 1904.00962: 5e-3 and more", (1.3e-3, 8.0e-2))]
    betas: Moments
    eps: Annotated[Number, epsilon("1904.00962")]
    weight_decay: Annotated[Number, decay("as AdamW's", "enters the step before its length is set", unit="")]
    largest_norm: Annotated[
        Number,
        Setting(
            "a tensor counts as no longer than this", POSITIVE, source="phi of 1904.00962; the authors' code"
        ),
    ]


@describes("optimizer", "tuneformer.optim.sophia.Sophia")
class SophiaSettings:
    """Momentum over an estimate of the Hessian's diagonal, clipped (2305.14342)."""

    facts = Facts(state_numbers=2)
    lr: Annotated[Number, peak_rate("2509.01440", (2.5e-4, 1.6e-2))]
    betas: Annotated[
        tuple[Number, Number],
        Setting(
            "decay of momentum and Hessian",
            BELOW_ONE,
            source="2305.14342",
            momenta=([0.9, 0.99], [0.96, 0.99], [0.98, 0.99]),
        ),
    ]
    eps: Annotated[Number, epsilon("2305.14342", "lower bound of gamma h")]
    weight_decay: Annotated[Number, decay("2305.14342: 0.2")]
    gamma: Annotated[
        Number,
        Setting(
            "of h: larger takes smaller steps and clips less",
            NOT_NEGATIVE,
            source="2305.14342: 0.01 for Sophia-H",
        ),
    ]
    every: Annotated[
        int, Setting("between two estimates", AT_LEAST_ONE, unit="optimizer steps", source="2305.14342")
    ]


@describes("optimizer", "tuneformer.optim.sam.SAM")
class SAMSettings:
    """The base's step, by the gradient at the worst point nearby (2010.01412)."""

    facts = Facts(works_on_shards=True, gradients_a_step=2)
    lr: Annotated[Number, peak_rate("of the base, as AdamW's")]
    weight_decay: Annotated[Number, decay("of the base, as AdamW's")]
    rho: Annotated[Number, Setting("distance to the worst point nearby", NOT_NEGATIVE, source="2010.01412")]
    base: Annotated[Component, Setting("what steps by that gradient", given=("lr", "weight_decay"))]


@describes("optimizer")
class AnyOptimizerSettings:
    """What is known of a class that nobody described: the settings whose meaning all of them share."""

    lr: Rate
    weight_decay: Annotated[Number, Setting("weight decay", NOT_NEGATIVE)]
    eps: Annotated[Number, Setting("what keeps a denominator from zero", POSITIVE)]
    momentum: Annotated[Number, Setting("decay of the momentum", BELOW_ONE)]
    betas: Annotated[tuple[Number, ...], Setting("decay of the averages", BELOW_ONE)]
