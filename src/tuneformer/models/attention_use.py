"""Whether the group `attention` has a place in the chosen model; without torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tuneformer.config.options import load_option
from tuneformer.errors import UserError
from tuneformer.models.settings_object import has_attention

DEFAULT = "multi_head"
"""The option of conf/train.yaml, which nobody chose."""


def check_attention_is_used(config: Mapping[str, Any], option: str, folders: Sequence[Path]) -> None:
    """Raises UserError where attention is chosen, or set, for a model that has no attention modules.

    Args:
        config: all groups, plain values.
        option: the chosen option of `attention`.
        folders: where options are found.
    """
    if has_attention(config["model"]):
        return
    known = load_option("attention", DEFAULT, folders)
    changed = [key for key, value in config["attention"].items() if value != known.get(key)]
    if option == DEFAULT and not changed:
        return
    given = f"attention={option}" if option != DEFAULT else f"attention.{changed[0]}"
    raise UserError(f"{given} has no place in a model without heads: leave it out, or choose a Transformer")
