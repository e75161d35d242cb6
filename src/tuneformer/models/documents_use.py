"""Whether the chosen model can keep the documents of a text apart; without torch."""

from collections.abc import Mapping
from typing import Any

from tuneformer.config.described import description_of
from tuneformer.config.setting import arguments_of
from tuneformer.errors import UserError

SEPARATE = "separate"


def check_documents_are_kept(config: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Raises UserError where data.documents=separate goes with no such model or attention module.

    Args:
        config: all groups, plain values.
        options: the chosen option of each group.
    """
    if config["data"].get("documents") != SEPARATE:
        return
    described = description_of(("model",), config["model"])
    if described is None or "document_start" not in arguments_of(described):
        raise UserError(
            f"data.documents=separate does not go with model={options.get('model')}, which cannot keep"
            " documents apart: choose model=decoder or data.documents=packed"
        )
    attention = description_of(("attention",), config["attention"])
    if getattr(attention, "has_state", False):
        raise UserError(
            f"data.documents=separate does not go with attention={options.get('attention')}, whose state goes"
            " on from document to document: choose an attention with logits or data.documents=packed"
        )
