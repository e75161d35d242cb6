"""What parameter groups can be set to."""

from typing import Annotated, ClassVar

from tuneformer.config.described import describes
from tuneformer.config.ranges import ABOVE_ZERO_TO_ONE, AT_LEAST_ZERO, Number
from tuneformer.config.setting import Setting
from tuneformer.optim.rules import KINDS, ParamGroupRule


@describes("param_groups", "tuneformer.optim.param_groups.ParamGroups")
class ParamGroupSettings:
    """Ordered rules; a parameter belongs to the first rule whose pattern is found in its name.

    Attributes:
        scales_with_width: whether rates follow the width of the model (muP).
    """

    scales_with_width: ClassVar[bool] = False

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
    freeze: Annotated[
        tuple[str, ...] | None,
        Setting(
            "regular expressions, looked for in the names of parameters: what one finds does not train",
            null="none",
            added_later=True,
        ),
    ] = None
    freeze_layers: Annotated[
        int | None,
        Setting(
            "the first layers, which do not train, nor do the embeddings; 0: the embeddings alone",
            AT_LEAST_ZERO,
            unit="layers",
            null="all train",
            added_later=True,
        ),
    ] = None
    layer_decay: Annotated[
        Number | None,
        Setting(
            "rate of a layer / that of the layer behind it (optim/fine_tuning.py)",
            ABOVE_ZERO_TO_ONE,
            null="one rate for all",
            source="0.65 to 0.9: 2003.10555, 2106.08254",
            added_later=True,
        ),
    ] = None


@describes("param_groups", "tuneformer.optim.mup.MuP")
class MuPSettings(ParamGroupSettings):
    """The same rules, hidden matrices trained at a rate that follows the width (muP, 2203.03466)."""

    scales_with_width = True
