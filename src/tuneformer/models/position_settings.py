"""What positions can be set to. Nothing here imports torch."""

from dataclasses import dataclass
from typing import Annotated

from tuneformer.config.ranges import AT_LEAST_ONE, POSITIVE, Number, Range, at_least
from tuneformer.config.setting import Setting

POSITIONS = ("rope", "partial_rope", "ntk", "yarn", "alibi", "t5", "learned", "sinusoidal", "none")
ROTATING = ("rope", "partial_rope", "ntk", "yarn")
BIASING = ("alibi", "t5")

SHARE = Range(low=0, high=1, holds_low=False, holds_high=True, words="must be above 0 and at most 1")
BUCKETS = at_least(4, "must be at least 4", most=100_000)


@dataclass(frozen=True, kw_only=True)
class PositionSettings:
    """How a Transformer knows where a token stands."""

    positions: Annotated[
        str,
        Setting(
            "how positions enter: rotated into queries and keys, a bias on logits, added to embeddings",
            POSITIONS,
            source="rope: 2104.09864; partial_rope: 2204.06745; ntk, yarn: 2309.00071; alibi: 2108.12409;"
            " t5: 1910.10683; sinusoidal: 1706.03762; none: 2305.19466",
        ),
    ]
    rope_base: Annotated[
        Number,
        Setting(
            "rope and the next three: longest wavelength / 2 pi", POSITIVE, unit="tokens", source="2104.09864"
        ),
    ]
    rope_fraction: Annotated[
        Number,
        Setting("partial_rope: share of the head dimension that is rotated", SHARE, source="0.25: GPT-NeoX"),
    ]
    rope_scale: Annotated[
        Number,
        Setting(
            "ntk, yarn: the context over that whose frequencies are stretched; 1 is rope",
            AT_LEAST_ONE,
            source="2309.00071",
        ),
    ]
    t5_buckets: Annotated[int, Setting("t5: learned numbers a head", BUCKETS, source="32: 1910.10683")]
    t5_max_distance: Annotated[
        int,
        Setting(
            "t5: from where on all distances share the last bucket; above half of the buckets",
            AT_LEAST_ONE,
            unit="tokens",
            source="128: 1910.10683",
        ),
    ]
