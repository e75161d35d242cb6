"""Whether the settings of an attention module and of positions can be built, before torch is imported."""

from collections.abc import Mapping
from typing import Any

from tuneformer.errors import UserError

Settings = Mapping[str, Any]

POSITIONS = ("rope", "partial_rope", "ntk", "yarn", "alibi", "t5", "learned", "sinusoidal", "none")
ROTATING = ("rope", "partial_rope", "ntk", "yarn")
BIASING = ("alibi", "t5")

AT_LEAST_ONE = (
    "block",
    "gate_rank",
    "k",
    "key_value_rank",
    "n_first",
    "n_key_value_heads",
    "query_rank",
    "rotary_dim",
    "window",
)
ABOVE_ZERO = ("logit_soft_cap", "scale", "temperature")

PACKAGE = "tuneformer.models.attention."
WITHOUT_LOGITS = ("linear", "retention", "gated_linear", "delta_rule")
# widths of their own, which do not grow with the model's: no rule says how their rates should
NO_WIDTH_TRANSFER = ("multi_head_latent", "gated_linear")


def check_attention_settings(attention: Settings, model: Settings) -> None:
    """Raises UserError for a setting out of range, or one that the model's settings exclude.

    A model without heads, as the LSTMs, has no use for the group.

    Args:
        attention: the group `attention`, plain values.
        model: the group `model`, plain values.
    """
    if "n_heads" not in model:
        return
    _check_ranges(attention)
    kind = str(attention["_target_"]).removeprefix(PACKAGE).partition(".")[0]
    _check_options(attention)
    _check_heads(attention, kind, model)
    _check_positions(attention, kind, model)
    if kind in NO_WIDTH_TRANSFER and model.get("base_width") is not None:
        raise UserError(
            f"attention={kind} has widths that do not follow model.d_model: it does not go with"
            f" model.base_width={model['base_width']}"
        )


def _check_ranges(attention: Settings) -> None:
    for name in AT_LEAST_ONE:
        value = attention.get(name)
        if value is not None and value < 1:
            raise UserError(f"attention.{name}={value} must be at least 1")
    for name in ABOVE_ZERO:
        value = attention.get(name)
        if value is not None and not value > 0:
            raise UserError(f"attention.{name}={value} must be positive")
    share = attention.get("value_residual")
    if share is not None and not 0 <= share <= 1:
        raise UserError(f"attention.value_residual={share} must be between 0 and 1")


def _check_options(attention: Settings) -> None:
    if not attention.get("cosine"):
        return
    for name, value in (("qk_norm", attention["qk_norm"]), ("scale", attention["scale"])):
        if value:
            raise UserError(
                f"attention.{name}={str(value).lower()} does not go with attention.cosine=true, which"
                " normalises and scales by itself"
            )


def _check_heads(attention: Settings, kind: str, model: Settings) -> None:
    d_model, n_heads, groups = model["d_model"], model["n_heads"], attention.get("n_key_value_heads")
    if groups is not None and n_heads % groups:
        raise UserError(f"attention.n_key_value_heads={groups} must divide model.n_heads={n_heads}")
    if kind == "differential" and d_model % (2 * n_heads):
        raise UserError(
            f"model.d_model={d_model} must be a multiple of 2 x model.n_heads={n_heads} with"
            " attention=differential"
        )


def _check_positions(attention: Settings, kind: str, model: Settings) -> None:
    positions = model.get("positions")
    if positions in BIASING and kind in WITHOUT_LOGITS:
        raise UserError(
            f"model.positions={positions} is a bias on attention logits, and attention={kind} has none:"
            f" choose one of {', '.join(name for name in POSITIONS if name not in BIASING)}"
        )
    _check_bias_table(model)
    if positions in ROTATING:
        _check_rotation(attention, kind, model)


def _check_rotation(attention: Settings, kind: str, model: Settings) -> None:
    share, scale = model.get("rope_fraction", 1.0), model.get("rope_scale", 1.0)
    if not 0 < share <= 1:
        raise UserError(f"model.rope_fraction={share} must be above 0 and at most 1")
    if scale < 1:
        raise UserError(f"model.rope_scale={scale} must be at least 1")
    positions, d_model, n_heads = model["positions"], model["d_model"], model["n_heads"]
    head_dim, origin = d_model // n_heads, f"model.d_model={d_model} / model.n_heads={n_heads}"
    if kind == "multi_head_latent":
        if attention["rotary_dim"] is None:
            return
        head_dim, origin = attention["rotary_dim"], f"attention.rotary_dim={attention['rotary_dim']}"
    if kind == "differential":
        head_dim, origin = head_dim // 2, f"{origin} / 2"
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
