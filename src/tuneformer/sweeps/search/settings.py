"""The settings of a search beside its spaces, and what Optuna makes of them."""

from typing import TYPE_CHECKING, Any

from tuneformer.errors import UserError
from tuneformer.sweeps.search.space import Choices, Space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Settings = dict[str, Any]


def is_search(settings: Settings) -> bool:
    """Whether the group `search` asks for trials, and not for every combination of values."""
    return "sampler" in settings


def check_installed(settings: Settings) -> None:
    """Raises UserError with the command that installs what the search needs and is not there."""
    try:
        import optuna  # noqa: F401

        if settings["sampler"] == "cmaes":
            import cmaes  # noqa: F401
    except ModuleNotFoundError as error:
        raise UserError(
            f"search.sampler={settings['sampler']} needs the package {error.name}:"
            " pip install 'tuneformer[search]'"
        ) from error


def distributions(space: Space) -> "dict[str, BaseDistribution]":
    """The space in Optuna's terms."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    made: dict[str, BaseDistribution] = {}
    for path, dimension in space.items():
        if isinstance(dimension, Choices):
            made[path] = CategoricalDistribution(dimension.values)
        elif dimension.whole:
            made[path] = IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
        else:
            made[path] = FloatDistribution(dimension.low, dimension.high, log=dimension.log)
    return made
