"""What each attention module can be set to, and what is true of it. Nothing here imports torch.

The settings of a class have its name and `Settings` behind it.
"""

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar

from tuneformer.config.ranges import AT_LEAST_ONE, POSITIVE, Number, Range
from tuneformer.config.setting import Setting
from tuneformer.errors import UserError

SHARE = Range(low=0, high=1, holds_low=True, holds_high=True, words="must be between 0 and 1")


@dataclass(frozen=True, kw_only=True)
class AttentionSettings:
    """What is true of an attention module, unless its own settings say otherwise.

    Attributes:
        has_logits: each pair of query and key has a logit, to which positions can add a bias.
        has_state: its past is a state of fixed size.
        has_window: a query sees a bounded number of keys.
        sees_both_ways: it can be in a layer whose tokens see those after them.
        follows_width: all its widths grow with model.d_model, so that rates can follow them (muP).
    """

    has_logits: ClassVar[bool] = True
    has_state: ClassVar[bool] = False
    has_window: ClassVar[bool] = False
    sees_both_ways: ClassVar[bool] = True
    follows_width: ClassVar[bool] = True

    @property
    def option(self) -> str:
        """The choice on the command line: `attention=top_k` of TopKAttentionSettings."""
        name = type(self).__name__.removesuffix("AttentionSettings")
        return f"attention={re.sub(r'(?<!^)(?=[A-Z])', '_', name).lower()}"

    def check(self, *, d_model: int, n_heads: int) -> None:
        """Raise UserError unless a layer of this width and with so many heads can have the module."""
        if d_model % n_heads:
            raise UserError(f"model.d_model={d_model} must be a multiple of model.n_heads={n_heads}")

    def check_width_transfer(self) -> None:
        """Raise UserError where the module has no place in a model whose rates follow the width."""
        if not self.follows_width:
            raise UserError(
                f"{self.option} has widths that do not follow model.d_model: it does not go with"
                " model.base_width"
            )

    def rotated(self, *, d_model: int, n_heads: int) -> tuple[int, str]:
        """Return how many numbers of a key positions may rotate, and what that follows from."""
        return d_model // n_heads, f"model.d_model={d_model} / model.n_heads={n_heads}"


@dataclass(frozen=True, kw_only=True)
class QKVAttentionSettings(AttentionSettings):
    """What every module with logits can be set to."""

    scale: Annotated[Number | None, Setting("factor of the logits", POSITIVE, null="1 / sqrt(head_dim)")]
    qk_norm: Annotated[
        bool,
        Setting(
            "RMS norm of queries and keys over the head dimension, with a learned gain, before rotation",
            source="2302.05442",
        ),
    ]
    cosine: Annotated[
        bool,
        Setting(
            "length 1 for queries and keys, and a learned scale g for each head: |logit| <= g",
            source="2010.04245",
        ),
    ]
    logit_soft_cap: Annotated[
        Number | None,
        Setting(
            "c of c tanh(logit / c), before bias and mask",
            POSITIVE,
            null="none",
            source="50: Gemma 2, 2408.00118",
        ),
    ]
    value_residual: Annotated[
        Number | None,
        Setting(
            "m of (1 - m) V + m V_1, V_1 the values of the first layer",
            SHARE,
            null="none",
            source="0.5: 2410.17897",
        ),
    ]

    def __post_init__(self) -> None:
        """Raise UserError where two options exclude each other."""
        for name, value in (("qk_norm", self.qk_norm), ("scale", self.scale)):
            if self.cosine and value:
                raise UserError(
                    f"attention.{name}={str(value).lower()} does not go with attention.cosine=true, which"
                    " normalises and scales by itself"
                )


PLAIN = QKVAttentionSettings(
    scale=None, qk_norm=False, cosine=False, logit_soft_cap=None, value_residual=None
)
"""Logits q k^T / sqrt(head_dim) and no more."""


@dataclass(frozen=True, kw_only=True)
class GroupedQueryAttentionSettings(QKVAttentionSettings):
    """Of grouped-query attention."""

    n_key_value_heads: Annotated[
        int, Setting("heads of keys and values; must divide model.n_heads", AT_LEAST_ONE)
    ]

    def check(self, *, d_model: int, n_heads: int) -> None:
        """Raise UserError as for every module, and where the query heads cannot be dealt to the groups."""
        super().check(d_model=d_model, n_heads=n_heads)
        if n_heads % self.n_key_value_heads:
            raise UserError(
                f"attention.n_key_value_heads={self.n_key_value_heads} must divide model.n_heads={n_heads}"
            )


@dataclass(frozen=True, kw_only=True)
class MultiHeadLatentAttentionSettings(QKVAttentionSettings):
    """Of multi-head latent attention."""

    follows_width = False

    key_value_rank: Annotated[
        int | None, Setting("numbers of the latent of keys and values", AT_LEAST_ONE, null="d_model / 2")
    ]
    query_rank: Annotated[
        int | None, Setting("numbers of a latent of queries", AT_LEAST_ONE, null="queries have none")
    ]
    rotary_dim: Annotated[
        int | None,
        Setting(
            "numbers of a key for its position",
            AT_LEAST_ONE,
            null="half of head_dim",
            source="half: 2405.04434",
        ),
    ]

    def rotated(self, *, d_model: int, n_heads: int) -> tuple[int, str]:
        """Return `rotary_dim`, as a whole number of pairs where it is null."""
        if self.rotary_dim is not None:
            return self.rotary_dim, f"attention.rotary_dim={self.rotary_dim}"
        dim, origin = super().rotated(d_model=d_model, n_heads=n_heads)
        return max(2, dim // 4 * 2), f"{origin} / 2"


@dataclass(frozen=True, kw_only=True)
class SlidingWindowAttentionSettings(QKVAttentionSettings):
    """Of sliding-window attention."""

    has_window = True

    window: Annotated[int, Setting("keys that a query sees, its own counted", AT_LEAST_ONE, unit="tokens")]


@dataclass(frozen=True, kw_only=True)
class FirstTokensWindowAttentionSettings(SlidingWindowAttentionSettings):
    """Of a window beside the first tokens."""

    n_first: Annotated[
        int, Setting("first ones, which all others see", AT_LEAST_ONE, unit="tokens", source="4: 2309.17453")
    ]


@dataclass(frozen=True, kw_only=True)
class BlockLocalAttentionSettings(QKVAttentionSettings):
    """Of block-local attention."""

    has_window = True

    block: Annotated[int, Setting("size of blocks that do not see each other", AT_LEAST_ONE, unit="tokens")]


@dataclass(frozen=True, kw_only=True)
class TopKAttentionSettings(QKVAttentionSettings):
    """Of attention to the k best keys."""

    k: Annotated[int, Setting("keys that a query keeps", AT_LEAST_ONE, source="8: 1912.11637")]


@dataclass(frozen=True, kw_only=True)
class DifferentialAttentionSettings(QKVAttentionSettings):
    """Of differential attention, whose heads have two maps each."""

    def check(self, *, d_model: int, n_heads: int) -> None:
        """Raise UserError unless each head has two queries and two keys of equal size."""
        if d_model % (2 * n_heads):
            raise UserError(
                f"model.d_model={d_model} must be a multiple of 2 x model.n_heads={n_heads} with"
                f" {self.option}"
            )

    def rotated(self, *, d_model: int, n_heads: int) -> tuple[int, str]:
        """Return half of the head."""
        dim, origin = super().rotated(d_model=d_model, n_heads=n_heads)
        return dim // 2, f"{origin} / 2"


@dataclass(frozen=True, kw_only=True)
class RecurrentAttentionSettings(AttentionSettings):
    """What is true of a module whose past is a state."""

    has_logits = False
    has_state = True
    sees_both_ways = False


@dataclass(frozen=True, kw_only=True)
class LinearAttentionSettings(RecurrentAttentionSettings):
    """Of linear attention, which without order needs no state."""

    sees_both_ways = True


@dataclass(frozen=True, kw_only=True)
class GatedLinearAttentionSettings(RecurrentAttentionSettings):
    """Of gated linear attention."""

    follows_width = False

    gate_rank: Annotated[
        int,
        Setting("numbers between the two matrices of the gate", AT_LEAST_ONE, source="16: 2312.06635"),
    ]
    temperature: Annotated[
        Number,
        Setting("root that is taken of the gate: larger forgets less", POSITIVE, source="16: 2312.06635"),
    ]


# those of modules that have none of their own
MultiHeadAttentionSettings = QKVAttentionSettings
MultiQueryAttentionSettings = QKVAttentionSettings
SigmoidAttentionSettings = QKVAttentionSettings
SoftmaxOneAttentionSettings = QKVAttentionSettings
LearnedSinkAttentionSettings = QKVAttentionSettings
GatedOutputAttentionSettings = QKVAttentionSettings
TalkingHeadsAttentionSettings = QKVAttentionSettings
RetentionAttentionSettings = RecurrentAttentionSettings
DeltaRuleAttentionSettings = RecurrentAttentionSettings


def settings_class(target: str) -> type[AttentionSettings] | None:
    """Return the settings of a class of this package by its dotted name; None of a class of others."""
    package, _, name = target.rpartition(".")
    if not package.startswith(f"{__package__}."):
        return None
    return globals().get(f"{name}Settings")
