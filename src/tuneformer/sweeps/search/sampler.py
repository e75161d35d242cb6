"""Samplers of Optuna whose draws follow from the number of the trial, whoever asks for it and when."""

import warnings
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, CmaEsSampler, QMCSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial

from tuneformer.config.plain import Settings

Distributions = dict[str, BaseDistribution]


class NumberedSampler(BaseSampler):
    """Draws each trial by a sampler of its own, whose seed follows from search.seed and the trial's number.

    So a search that was stopped draws what it would have drawn, and two that share a study never draw
    the same. TPE and CMA-ES depend on what earlier trials came to as well.
    """

    def __init__(self, settings: Settings, space: Distributions) -> None:
        self._settings = settings
        self._space = space
        self._latest: tuple[int, BaseSampler] | None = None

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> Distributions:
        return self._of(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: Distributions
    ) -> dict[str, Any]:
        return self._of(trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._of(trial).sample_independent(study, trial, param_name, param_distribution)

    def _of(self, trial: FrozenTrial) -> BaseSampler:
        if self._latest is None or self._latest[0] != trial.number:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # some are experimental
                self._latest = trial.number, make_sampler(self._settings, self._space, trial=trial.number)
        return self._latest[1]


class Halton(QMCSampler):
    """Trial 0 at random, trial n at point n - 1 of the sequence over the whole space.

    Optuna counts the points in the study instead, where two that ask at the same time, or one that is
    killed as it asks, would shift all that follow.
    """

    def __init__(self, *, seed: int, space: Distributions, trial: int, first: BaseSampler) -> None:
        super().__init__(
            qmc_type="halton",
            scramble=True,
            seed=seed,
            independent_sampler=first,
            warn_asynchronous_seeding=False,
            warn_independent_sampling=False,
        )
        self._space = space
        self._trial = trial

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> Distributions:
        return dict(self._space) if self._trial else {}

    def _find_sample_id(self, study: Study, search_space: Distributions) -> int:
        return self._trial - 1


def make_sampler(settings: Settings, space: Distributions, *, trial: int) -> BaseSampler:
    """The sampler that draws one trial."""
    name, seed = settings["sampler"], settings["seed"]
    own_seed = int(np.random.SeedSequence([seed, trial]).generate_state(1)[0])
    if name == "halton":
        return Halton(seed=seed, space=space, trial=trial, first=RandomSampler(seed=own_seed))
    if name == "tpe":
        return TPESampler(seed=own_seed, n_startup_trials=settings["startup_trials"])
    if name == "cmaes":
        return CmaEsSampler(
            seed=own_seed, n_startup_trials=settings["startup_trials"], warn_independent_sampling=False
        )
    return RandomSampler(seed=own_seed)
