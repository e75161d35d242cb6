"""What each attention module can be set to, and what is true of it. Nothing here imports torch."""

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar

from tuneformer.config.described import describes
from tuneformer.config.ranges import AT_LEAST_ONE, POSITIVE, ZERO_TO_ONE, Number, Range
from tuneformer.config.setting import Setting
from tuneformer.errors import UserError

# beyond, 32-bit logits of ordinary queries and keys overflow or vanish
LOGITS = Range(
    low=0, high=1e6, holds_low=False, holds_high=True, words="must be positive and at most 1,000,000"
)
QKV, RECURRENT, WINDOWED = (f"{__package__}.{room}" for room in ("qkv", "recurrent", "windowed"))


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


@describes(
    "attention",
    f"{QKV}.multi_head.MultiHeadAttention",
    f"{QKV}.multi_query.MultiQueryAttention",
    f"{QKV}.sigmoid.SigmoidAttention",
    f"{QKV}.softmax_one.SoftmaxOneAttention",
    f"{QKV}.learned_sink.LearnedSinkAttention",
    f"{QKV}.gated_output.GatedOutputAttention",
    f"{QKV}.talking_heads.TalkingHeadsAttention",
)
class QKVAttentionSettings(AttentionSettings):
    """Attention with a logit for each query and key, and what every such module can be set to."""

    scale: Annotated[Number | None, Setting("factor of the logits", LOGITS, null="1 / sqrt(head_dim)")]
    qk_norm: Annotated[
        bool,
        Setting(
            "RMS norm of queries and keys over the head dimension, with a learned gain, before rotation",
            source="2302.05442",
            also_try=(True,),
        ),
    ]
    cosine: Annotated[
        bool,
        Setting(
            "length 1 for queries and keys, and a learned scale for each head, which bounds its logits",
            source="2010.04245",
        ),
    ]
    logit_soft_cap: Annotated[
        Number | None,
        Setting(
            "c of c tanh(logit / c), before bias and mask",
            LOGITS,
            null="none",
            source="50: Gemma 2, 2408.00118",
        ),
    ]
    value_residual: Annotated[
        Number | None,
        Setting(
            "m of (1 - m) V + m V_1, V_1 the values of the first layer",
            ZERO_TO_ONE,
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


@describes("attention", f"{QKV}.grouped_query.GroupedQueryAttention")
class GroupedQueryAttentionSettings(QKVAttentionSettings):
    """Grouped-query attention: groups of heads share a head of keys and values."""

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


@describes("attention", f"{QKV}.multi_head_latent.MultiHeadLatentAttention")
class MultiHeadLatentAttentionSettings(QKVAttentionSettings):
    """Multi-head latent attention: keys and values from one small latent, which the cache keeps."""

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

    def check(self, *, d_model: int, n_heads: int) -> None:
        """Raise UserError as for every module, and where positions are wider than the layer."""
        super().check(d_model=d_model, n_heads=n_heads)
        if self.rotary_dim is not None and self.rotary_dim > d_model:
            raise UserError(f"attention.rotary_dim={self.rotary_dim} must be at most model.d_model={d_model}")


@describes("attention", f"{WINDOWED}.sliding_window.SlidingWindowAttention")
class SlidingWindowAttentionSettings(QKVAttentionSettings):
    """Sliding-window attention: each token sees the last `window` tokens."""

    has_window = True

    window: Annotated[int, Setting("keys that a query sees, its own counted", AT_LEAST_ONE, unit="tokens")]


@describes("attention", f"{WINDOWED}.first_tokens_window.FirstTokensWindowAttention")
class FirstTokensWindowAttentionSettings(SlidingWindowAttentionSettings):
    """The first tokens and a sliding window."""

    n_first: Annotated[
        int, Setting("first ones, which all others see", AT_LEAST_ONE, unit="tokens", source="4: 2309.17453")
    ]


@describes("attention", f"{WINDOWED}.block_local.BlockLocalAttention")
class BlockLocalAttentionSettings(QKVAttentionSettings):
    """Block-local attention: the text is cut into blocks that do not see each other."""

    has_window = True

    block: Annotated[int, Setting("size of blocks that do not see each other", AT_LEAST_ONE, unit="tokens")]


@describes("attention", f"{QKV}.top_k.TopKAttention")
class TopKAttentionSettings(QKVAttentionSettings):
    """Sparse attention: softmax over the k largest logits of each query."""

    k: Annotated[int, Setting("keys that a query keeps", AT_LEAST_ONE, source="8: 1912.11637")]


@describes("attention", f"{QKV}.differential.DifferentialAttention")
class DifferentialAttentionSettings(QKVAttentionSettings):
    """Differential attention: each head is the difference of two softmax maps."""

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


@describes(
    "attention",
    f"{RECURRENT}.retention.RetentionAttention",
    f"{RECURRENT}.delta_rule.DeltaRuleAttention",
)
class RecurrentAttentionSettings(AttentionSettings):
    """Attention whose past is a state of fixed size; it has no settings."""

    has_logits = False
    has_state = True
    sees_both_ways = False


@describes("attention", f"{RECURRENT}.linear.LinearAttention")
class LinearAttentionSettings(RecurrentAttentionSettings):
    """Linear attention: features in place of the exponential; without order it needs no state."""

    sees_both_ways = True


@describes("attention", f"{RECURRENT}.gated_linear.GatedLinearAttention")
class GatedLinearAttentionSettings(RecurrentAttentionSettings):
    """Gated linear attention: each number is forgotten at a rate that the token decides."""

    follows_width = False

    gate_rank: Annotated[
        int,
        Setting("numbers between the two matrices of the gate", AT_LEAST_ONE, source="16: 2312.06635"),
    ]
    temperature: Annotated[
        Number,
        Setting("root that is taken of the gate: larger forgets less", POSITIVE, source="16: 2312.06635"),
    ]
