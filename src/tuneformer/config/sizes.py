"""`model.size`: a name for several settings of a model at once."""

from collections.abc import Mapping

from omegaconf import OmegaConf

from tuneformer.errors import UserError


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


def register_sizes() -> None:
    """Makes `by_size` known to OmegaConf."""
    OmegaConf.register_resolver("by_size", by_size, replace=True, annotation_validation="off")
