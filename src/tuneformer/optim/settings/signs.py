"""Optimizers that move each element by the sign of an average."""

from typing import Annotated

from tuneformer.config.described import describes
from tuneformer.config.ranges import BELOW_ONE, Number
from tuneformer.config.setting import Setting
from tuneformer.optim.facts import SIGN_LIKE
from tuneformer.optim.settings.shared import (
    Decoupled,
    FixedDecay,
    Foreach,
    Maximize,
    decay,
    momentum,
    peak_rate,
)

SIGN_RATES, SIGN_DECAYS = (6.3e-5, 4.0e-3), (6.0e-2, 2.0)


@describes("optimizer", "pytorch_optimizer.Lion")
class LionSettings:
    """The sign of a mixture of gradient and momentum (2302.06675)."""

    facts = SIGN_LIKE
    lr: Annotated[Number, peak_rate("3 to 10 times below AdamW's (2302.06675)", SIGN_RATES)]
    betas: Annotated[
        tuple[Number, Number],
        Setting(
            "of the step and of the momentum",
            BELOW_ONE,
            source="2302.06675; its authors also use 0.95 and 0.98",
            momenta=([0.8, 0.95], [0.9, 0.95], [0.9, 0.99], [0.95, 0.98]),
        ),
    ]
    weight_decay: Annotated[
        Number, decay("larger as lr is smaller; 2509.02046: 0.6 to 0.7", search=SIGN_DECAYS)
    ]
    weight_decouple: Decoupled
    fixed_decay: FixedDecay
    foreach: Foreach
    maximize: Maximize


@describes("optimizer", "pytorch_optimizer.SignSGD")
class SignumSettings:
    """The sign of the momentum (1802.04434)."""

    facts = SIGN_LIKE
    lr: Annotated[Number, peak_rate("as Lion's; 2509.01440: 1e-3 at 124M", SIGN_RATES)]
    momentum: Annotated[Number, momentum("2509.01440 tunes it between 0.9 and 0.99", "decay of the average")]
    weight_decay: Annotated[Number, decay("as Lion's", search=SIGN_DECAYS)]
    weight_decouple: Decoupled
    foreach: Foreach
    maximize: Maximize
