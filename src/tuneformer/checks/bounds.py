"""The bounds of single settings: words that are allowed, and the range of each number."""

from collections.abc import Iterator, Mapping
from typing import Any

from tuneformer.config.described import described_arguments
from tuneformer.config.plain import Config
from tuneformer.config.ranges import check_finite
from tuneformer.config.schema import root_arguments
from tuneformer.config.setting_check import check_value
from tuneformer.config.suggestions import one_of
from tuneformer.errors import UserError

LONGEST_TAG = 64
"""In characters: what W&B takes."""


def check_bounds(config: Config, words: Mapping[str, tuple[str, ...]]) -> None:
    """Raises UserError for the first setting out of its bounds; `words`: those that the data decides."""
    for group, settings in config.items():
        described = described_arguments((group,), settings) if isinstance(settings, dict) else {}
        for path, number in _numbers(settings, group):
            if path.removeprefix(f"{group}.") not in described:  # says itself whether infinity is allowed
                check_finite(path, number)
    for name, argument in root_arguments().items():
        if argument.length is None:
            check_value(argument, name, config[name])
    for path, allowed in words.items():
        value = setting(config, path)
        if value is not None:
            one_of(path, value, allowed)
    snapshots = setting(config, "callbacks.attention_probe.snapshots")
    if snapshots == 1:
        raise UserError(f"callbacks.attention_probe.snapshots={snapshots} must be 0 or at least 2")
    if setting(config, "callbacks.sample.prompt") == "":
        raise UserError("callbacks.sample.prompt is empty: give at least one character to continue")
    for tag in config["tags"] if setting(config, "logger.wandb") is not None else ():
        if not 0 < len(tag) <= LONGEST_TAG:
            raise UserError(f"tags=[{tag}] must have 1 to {LONGEST_TAG} characters each with logger=wandb")


def _numbers(node: Any, path: str) -> Iterator[tuple[str, int | float]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _numbers(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, list):
        for value in node:
            yield from _numbers(value, path)
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield path, node


def setting(config: Config, path: str) -> Any:
    """The value at a dotted path, None where there is none."""
    node: Any = config
    for key in path.split("."):
        if not isinstance(node, dict) or key not in node:
            return None
        node = node[key]
    return node
