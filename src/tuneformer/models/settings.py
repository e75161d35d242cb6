"""Whether the settings of an attention module and of positions can be built, before torch is imported."""

from collections.abc import Mapping
from typing import Any

from tuneformer.config.registry import TARGET, is_order
from tuneformer.config.setting import arguments_of
from tuneformer.config.setting_check import check_values
from tuneformer.errors import UserError
from tuneformer.models.attention.settings import AttentionSettings, settings_class

Settings = Mapping[str, Any]

POSITIONS = ("rope", "partial_rope", "ntk", "yarn", "alibi", "t5", "learned", "sinusoidal", "none")
ROTATING = ("rope", "partial_rope", "ntk", "yarn")
BIASING = ("alibi", "t5")


def check_attention_settings(attention: Settings, model: Settings) -> None:
    """Raises UserError for a setting out of range, or one that the model's settings exclude.

    A model without heads, as the LSTMs, has no use for the group. Of a class of others only the user knows.

    Args:
        attention: the group `attention`, plain values.
        model: the group `model`, plain values.
    """
    described = settings_class(str(attention["_target_"]))
    if "n_heads" not in model or described is None:
        return
    chosen = attention_settings(attention, described)
    chosen.check(d_model=model["d_model"], n_heads=model["n_heads"])
    _check_positions(chosen, model)
    if model.get("base_width") is not None:
        chosen.check_width_transfer()


def attention_settings(attention: Settings, described: type[AttentionSettings]) -> AttentionSettings:
    """The settings of an attention module from its group, each checked.

    Raises:
        UserError: one is missing, unknown, of another type or out of range.
    """
    values = {name: value for name, value in attention.items() if not is_order(name)}
    option = str(attention[TARGET]).rpartition(".")[2]
    check_values(arguments_of(described), values, group="attention", option=option)
    return described(**values)


def _check_positions(attention: AttentionSettings, model: Settings) -> None:
    positions = model.get("positions")
    if positions in BIASING and not attention.has_logits:
        raise UserError(
            f"model.positions={positions} is a bias on attention logits, and {attention.option} has none:"
            f" choose one of {', '.join(name for name in POSITIONS if name not in BIASING)}"
        )
    _check_bias_table(model)
    if positions in ROTATING:
        _check_rotation(attention, model)


def _check_rotation(attention: AttentionSettings, model: Settings) -> None:
    share, scale = model.get("rope_fraction", 1.0), model.get("rope_scale", 1.0)
    if not 0 < share <= 1:
        raise UserError(f"model.rope_fraction={share} must be above 0 and at most 1")
    if scale < 1:
        raise UserError(f"model.rope_scale={scale} must be at least 1")
    positions = model["positions"]
    head_dim, origin = attention.rotated(d_model=model["d_model"], n_heads=model["n_heads"])
    if positions == "partial_rope" and round(share * head_dim / 2) == 0:
        raise UserError(
            f"model.rope_fraction={share} of the head dimension {head_dim} is no pair to rotate ({origin})"
        )
    if positions != "partial_rope" and head_dim % 2:
        raise UserError(
            f"model.positions={positions} rotates pairs: the head dimension must be even, not {head_dim}"
            f" ({origin})"
        )


def _check_bias_table(model: Settings) -> None:
    buckets, distance = model.get("t5_buckets"), model.get("t5_max_distance")
    if buckets is None or distance is None:
        return
    if buckets < 4:
        raise UserError(f"model.t5_buckets={buckets} must be at least 4")
    if distance <= buckets // 2:
        raise UserError(
            f"model.t5_max_distance={distance} must be above half of model.t5_buckets={buckets}, those of"
            " single distances"
        )
