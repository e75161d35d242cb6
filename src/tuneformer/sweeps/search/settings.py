"""The settings of a search beside its spaces, and what Optuna makes of them."""

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from tuneformer.errors import UserError
from tuneformer.sweeps.search.space import Choices, Space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler

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


def make_sampler(settings: Settings, *, trial: int) -> "BaseSampler":
    """The sampler that draws a trial.

    Its seed follows from that of the search and the number of the trial, so that a search that was
    stopped draws what it would have drawn. Halton's points follow from the number alone.
    """
    from optuna.samplers import CmaEsSampler, QMCSampler, RandomSampler, TPESampler

    name, seed = settings["sampler"], settings["seed"]
    own_seed = int(np.random.SeedSequence([seed, trial]).generate_state(1)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name == "halton":
            first = RandomSampler(seed=own_seed)
            return QMCSampler(
                qmc_type="halton",
                scramble=True,
                seed=seed,
                independent_sampler=first,
                warn_asynchronous_seeding=False,
                warn_independent_sampling=False,
            )
        if name == "tpe":
            return TPESampler(seed=own_seed, n_startup_trials=settings["startup_trials"])
        if name == "cmaes":
            return CmaEsSampler(
                seed=own_seed, n_startup_trials=settings["startup_trials"], warn_independent_sampling=False
            )
        return RandomSampler(seed=own_seed)


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
