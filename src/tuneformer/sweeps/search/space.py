"""A search space as conf/search gives it: which settings vary, and how far."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tuneformer.errors import UserError

Value = float | int | str


@dataclass(frozen=True, kw_only=True)
class SearchRange:
    """Numbers from `low` to `high`, both included; evenly in their logarithm with `log`."""

    low: float
    high: float
    log: bool

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are meant: both ends are written as such."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def corners(self) -> list[Value]:
        """Its ends."""
        return [self.low, self.high]


@dataclass(frozen=True, kw_only=True)
class Choices:
    """A few values, as they are typed on the command line."""

    values: tuple[str, ...]

    def corners(self) -> list[Value]:
        """All of them."""
        return list(self.values)


Space = dict[str, SearchRange | Choices]


def read_space(
    spaces: Mapping[str, Any], optimizer: str, *, given: Collection[str] = (), may_be_empty: bool = False
) -> Space:
    """The space for an optimizer: dotted setting -> how it varies.

    What is `given` a value is not searched, nor what is null in the space.

    Raises:
        UserError: there is none for this optimizer, one of its ranges is none, or nothing is left of it.
    """
    if optimizer not in spaces:
        raise UserError(f"search has no space for optimizer={optimizer}; it has {', '.join(sorted(spaces))}")
    prefix = f"search.spaces.{optimizer}"
    space = {path: _dimension(f"{prefix}.{path}", leaf) for path, leaf in _leaves(spaces[optimizer], "")}
    left = {path: dimension for path, dimension in space.items() if path not in given}
    if not left and not may_be_empty:
        fixed = f": {', '.join(space)} given a value" if space else ""
        raise UserError(f"{prefix} is empty{fixed}: there is nothing to search")
    return left


def shown(value: Value) -> str:
    """A value as it is typed on the command line, every digit of it."""
    return value if isinstance(value, str) else repr(value)


def _leaves(node: Mapping[str, Any] | None, prefix: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key, value in (node or {}).items():
        path = f"{prefix}{key}"
        if value is None:
            continue
        if not isinstance(value, Mapping):
            raise UserError(f"search.spaces: {path}={value} must be a range (low, high, log) or choices")
        if "low" in value or "high" in value or "choices" in value:
            yield path, value
        else:
            yield from _leaves(value, f"{path}.")


def _dimension(path: str, leaf: Mapping[str, Any]) -> SearchRange | Choices:
    if "choices" in leaf:
        values = leaf["choices"]
        if not isinstance(values, list) or len(values) < 2 or leaf.keys() != {"choices"}:
            raise UserError(
                f"{path}.choices={values} must be a list of two or more values, and nothing beside"
            )
        return Choices(values=tuple(v if isinstance(v, str) else json.dumps(v) for v in values))
    if leaf.keys() - {"low", "high", "log"} or not {"low", "high"} <= leaf.keys():
        raise UserError(f"{path} has {', '.join(leaf)}: a range has low, high and, if need be, log")
    low, high, log = leaf["low"], leaf["high"], leaf.get("log", False)
    if not all(isinstance(end, int | float) and not isinstance(end, bool) for end in (low, high)):
        raise UserError(f"{path}: low={low} and high={high} must be numbers")
    if not isinstance(log, bool):
        raise UserError(f"{path}: log={log} must be true or false")
    if not low < high:
        raise UserError(f"{path}: low={low} must be below high={high}")
    if log and not low > 0:
        raise UserError(f"{path}: low={low} must be positive with log=true")
    return SearchRange(low=low, high=high, log=log)
