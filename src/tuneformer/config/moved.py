"""What configurations had that were saved before: classes that have moved, and settings that are gone.

A run that was saved under an old name is found, and stays the same.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_ATTENTION = "tuneformer.models.attention"
_TRAINING = "tuneformer.training"
_TENSORBOARD = f"{_TRAINING}.loggers.tensorboard_logger.TensorBoardRunLogger"

MOVED: Mapping[str, str] = MappingProxyType(
    {
        "tuneformer.models.hf.model.HuggingFaceModel": "tuneformer.models.hf.families.hugging_face",
        "tuneformer.callbacks": f"{_TRAINING}.callbacks",
        f"{_TRAINING}.loggers.TensorBoardRunLogger": _TENSORBOARD,
        f"{_TRAINING}.loggers.run_loggers.TensorBoardRunLogger": _TENSORBOARD,
        f"{_TRAINING}.wandb_logger": f"{_TRAINING}.loggers.wandb_logger",
        **{
            f"{_ATTENTION}.{module}": f"{_ATTENTION}.{room}.{module}"
            for room, modules in {
                "qkv": (
                    "differential",
                    "gated_output",
                    "grouped_query",
                    "learned_sink",
                    "multi_head",
                    "multi_head_latent",
                    "multi_query",
                    "sigmoid",
                    "softmax_one",
                    "talking_heads",
                    "top_k",
                ),
                "recurrent": ("delta_rule", "gated_linear", "linear", "retention"),
                "windowed": ("block_local", "first_tokens_window", "sliding_window"),
            }.items()
            for module in modules
        },
    }
)
"""Names that configurations had, and where they are now; a package or module stands for all in it.

Of several names that one has had the first comes first.
"""

GONE = (("model", "tasks"),)
"""Settings that configurations had: group and name. None of them determined the weights."""


def present_name(target: str) -> str:
    """The name by which a class or function is found now, of one that was saved."""
    return _renamed(target, MOVED)


def first_name(target: str) -> str:
    """The name that a class or function was first saved by: a run's identity is made of these."""
    return _renamed(target, {now: before for before, now in reversed([*MOVED.items()])})


def as_of_now(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration that was saved: each `_target_` by its present name, without settings that are gone."""
    present = with_present_names(config)
    for group, name in GONE:
        if isinstance(present.get(group), dict):
            present[group].pop(name, None)
    return present


def with_present_names(settings: Any) -> Any:
    """Settings that were saved, with each `_target_` by its present name."""
    if isinstance(settings, dict):
        return {
            key: present_name(value)
            if key == "_target_" and isinstance(value, str)
            else with_present_names(value)
            for key, value in settings.items()
        }
    return [with_present_names(value) for value in settings] if isinstance(settings, list) else settings


def _renamed(target: str, names: Mapping[str, str]) -> str:
    """With the longest known part of the name replaced."""
    known, rest = target, ""
    while known not in names and "." in known:
        known, _, last = known.rpartition(".")
        rest = f".{last}{rest}"
    return f"{names[known]}{rest}" if known in names else target
