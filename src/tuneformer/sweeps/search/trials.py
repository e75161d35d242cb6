"""The trials of one method: asked one by one up to a total, resumed, retried, told."""

import math
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuneformer.config.plain import Settings
from tuneformer.sweeps.job import Outcome
from tuneformer.sweeps.search.settings import distributions
from tuneformer.sweeps.search.space import Space, Value

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

OWNER, RETRIES, METHOD = "owner", "retries", "method"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A trial to run: its number in the study and the values it varies."""

    number: int
    values: dict[str, Value]


def methods_of(storage: "RDBStorage") -> dict[str, str | None]:
    """The digest of what each study searches, by its name; None for one that does not say."""
    return {study.study_name: study.user_attrs.get(METHOD) for study in storage.get_all_studies()}


class OptunaStudy:
    """One Optuna study: one method, in one space, to `n_trials` trials in all attempts together.

    A trial that was running when its sweep was killed is run again with its values; so is, with
    `retry_failed`, one that failed, as a trial of a new number in its place.
    """

    def __init__(
        self,
        *,
        name: str,
        method: str,
        storage: "RDBStorage",
        settings: Settings,
        space: Space,
        n_trials: int,
        maximize: bool,
        folder: Path,
    ) -> None:
        import optuna

        from tuneformer.sweeps.search.sampler import NumberedSampler

        self.name = name
        self._space = distributions(space)
        self._n_trials = n_trials
        self._worst = -math.inf if maximize else math.inf
        self._owner = f"{socket.gethostname()}:{folder.resolve()}"
        self._study: Study = optuna.create_study(
            study_name=name,
            storage=storage,
            sampler=NumberedSampler(settings, self._space),
            direction="maximize" if maximize else "minimize",
            load_if_exists=True,
        )
        if METHOD not in self._study.user_attrs:
            self._study.set_user_attr(METHOD, method)
        mine = [trial for trial in self._in_state("RUNNING") if self._is_mine(trial)]
        self._stale = sorted(mine, key=lambda trial: trial.number)

    @property
    def n_ended(self) -> int:
        """Trials that need not run again."""
        return len(self._in_state("COMPLETE", "PRUNED"))

    def failed(self) -> list[Asked]:
        """The trials that failed and have not been tried again."""
        return [
            Asked(number=trial.number, values=dict(trial.params))
            for trial in self._in_state("FAIL")
            if trial.number not in self._retried()
        ]

    def best(self) -> tuple[int, float, dict[str, Value]] | None:
        """The best trial so far: its number, what it came to, and its values; None before the first."""
        from optuna.trial import TrialState

        trials = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if not trials:
            return None
        best = self._study.best_trial
        return best.number, float(best.value or 0.0), dict(best.params)

    def retry_failed(self) -> None:
        """Queues the values of every failed trial again, each in place of the failed one."""
        for trial in self.failed():
            self._queue(trial.values, {RETRIES: trial.number})

    def ask(self) -> Asked | None:
        """The next trial; None once there are `n_trials`."""
        if self._stale:
            return self._take_up(self._stale.pop(0))
        if self._n_asked() >= self._n_trials:
            return None
        if not self._in_state("WAITING"):
            self._queue({}, {})
        trial = self._study.ask(fixed_distributions=self._space)
        trial.set_user_attr(OWNER, self._owner)
        if self._n_asked(before=trial.number) >= self._n_trials:
            self._give_back(trial._trial_id)
            return None
        return Asked(number=trial.number, values=dict(trial.params))

    def tell(self, number: int, outcome: Outcome) -> None:
        """Notes what a trial came to. One that was interrupted stays open."""
        from optuna.trial import TrialState

        if outcome.status == "pruned":
            self._study.tell(number, state=TrialState.PRUNED, skip_if_finished=True)
        elif outcome.status == "failed":
            self._study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
        elif outcome.ended:
            value = self._worst if outcome.value is None else outcome.value
            self._study.tell(number, value, skip_if_finished=True)

    def _take_up(self, trial: "FrozenTrial") -> Asked:
        import optuna

        if trial.params.keys() >= self._space.keys():
            return Asked(number=trial.number, values=dict(trial.params))
        again = optuna.Trial(self._study, trial._trial_id)
        for path, distribution in self._space.items():
            if path in trial.params and path not in again.relative_params:
                # drawn before the sweep was killed: drawn again, so that the next is what it would have been
                self._study.sampler.sample_independent(self._study, trial, path, distribution)
            again._suggest(path, distribution)
        again.set_user_attr(OWNER, self._owner)
        return Asked(number=trial.number, values=dict(again.params))

    def _queue(self, values: dict[str, Value], attributes: dict[str, int]) -> None:
        """Queues a trial, so that it has an owner from its first moment on."""
        self._study.enqueue_trial(values, user_attrs={OWNER: self._owner, **attributes})

    def _give_back(self, trial_id: int) -> None:
        """Leaves a trial to a search of more trials: others that share the study were quicker to ask."""
        from optuna.trial import TrialState

        self._study._storage.set_trial_state_values(trial_id, state=TrialState.WAITING)

    def _n_asked(self, *, before: int | None = None) -> int:
        """The trials asked for, retries not counted; `before`: of those, the ones of a lower number."""
        every: list[Any] = self._study.get_trials(deepcopy=False)
        asked = [trial.number for trial in every if trial.state.name != "WAITING"]
        return sum(before is None or number < before for number in asked) - len(self._retried())

    def _retried(self) -> set[int]:
        """The failed trials in whose place another was queued."""
        every = self._study.get_trials(deepcopy=False)
        return {trial.user_attrs[RETRIES] for trial in every if RETRIES in trial.user_attrs}

    def _is_mine(self, trial: "FrozenTrial") -> bool:
        """Whether this sweep asked for the trial, of the sweeps that share a database."""
        return trial.user_attrs.get(OWNER, self._owner) == self._owner

    def _in_state(self, *states: str) -> "list[FrozenTrial]":
        found: list[Any] = self._study.get_trials(deepcopy=False)
        return [trial for trial in found if trial.state.name in states]
