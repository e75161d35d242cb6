"""What parameter groups can be set to."""

from typing import Annotated

from tuneformer.config.described import describes
from tuneformer.config.ranges import AT_LEAST_ZERO, Number
from tuneformer.config.setting import Setting
from tuneformer.optim.rules import KINDS, ParamGroupRule


@describes("param_groups", "tuneformer.optim.param_groups.ParamGroups", "tuneformer.optim.mup.MuP")
class ParamGroupSettings:
    """Ordered rules; a parameter belongs to the first rule whose pattern is found in its name."""

    weight_decay_kind: Annotated[
        str, Setting("how weights decay; own: as the optimizer does by itself (optim/weight_decay.py)", KINDS)
    ]
    weight_decay_end: Annotated[
        Number,
        Setting(
            "decay at the last step / at the first, half a cosine between",
            AT_LEAST_ZERO,
            source="DINO, 2104.14294",
        ),
    ]
    rules: Annotated[
        tuple[ParamGroupRule, ...], Setting("which parameters form a group, and what multiplies its rates")
    ]
