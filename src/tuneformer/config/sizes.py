"""`model.size`: a name for several settings of a model at once."""

import re
from collections.abc import Mapping

from omegaconf import OmegaConf

from tuneformer.errors import UserError

BY_SIZE = "${by_size:"
"""How a value begins that model.size decides."""
_WRITTEN = re.compile(re.escape(BY_SIZE) + r"\$\{\.size\},(\w+),\{(.*)\}\}")


def by_size(size: str | None, default: int, sizes: Mapping[str, int]) -> int:
    """`sizes[size]`, or `default` where `model.size` is null.

    Written in conf/model as `d_model: ${by_size:${.size},128,{tiny:64,small:384}}`: whatever sets
    `model.d_model` itself, on the command line or in an experiment, replaces the line and so wins.

    Raises:
        UserError: the option has no such size.
    """
    if size is None:
        return default
    if not isinstance(size, str) or size not in sizes:
        raise UserError(f"model.size={size} must be one of {', '.join(sizes)}, or null")
    return sizes[size]


def told_by_size(written: object) -> tuple[str, str] | None:
    """The default of a value that model.size decides, and its sizes (`tiny 64, small 384`); else None."""
    found = _WRITTEN.fullmatch(str(written))
    return (found[1], found[2].replace(":", " ").replace(",", ", ")) if found else None


def register_sizes() -> None:
    """Makes `by_size` known to OmegaConf."""
    OmegaConf.register_resolver("by_size", by_size, replace=True, annotation_validation="off")
