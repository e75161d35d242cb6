"""A search: a study for each method, trials in turn, the same number for each."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tuneformer.config.plain import Settings
from tuneformer.config.quoting import quoted
from tuneformer.config.ranges import AT_LEAST_ONE, check_finite
from tuneformer.errors import UserError
from tuneformer.sweeps.composing import Composed, Composer
from tuneformer.sweeps.folders import SWEEPS, make_job
from tuneformer.sweeps.job import Job, Outcome
from tuneformer.sweeps.job_names import job_name
from tuneformer.sweeps.manifest import Manifest
from tuneformer.sweeps.points import Point
from tuneformer.sweeps.search.method import Method, make_method, named_apart
from tuneformer.sweeps.search.settings import check_installed
from tuneformer.sweeps.search.space import shown
from tuneformer.sweeps.search.trials import Asked, OptunaStudy, methods_of
from tuneformer.tasks.lookup import task_of
from tuneformer.training.trial_storage import open_storage

TRIALS = "trials.db"
"""In the sweep's folder: where its trials lie, unless search.storage names a database for many machines."""


class Search:
    """Trials of every method in turn, asked when there is room to run one."""

    def __init__(
        self,
        *,
        composed: Sequence[Composed],
        keys: frozenset[str],
        composer: Composer,
        manifest: Manifest,
        n_trials: int | None,
        retry_failed: bool,
    ) -> None:
        self._composer, self._manifest, self._folder = composer, manifest, manifest.path.parent
        self._retry_failed = retry_failed
        if n_trials is None or n_trials < 1:
            raise UserError(f"hydra.sweeper.n_trials={n_trials} must be the number of trials of each method")
        check_finite("hydra.sweeper.n_trials", n_trials)
        AT_LEAST_ONE.check("hydra.sweeper.n_trials", n_trials)
        self.n_trials = n_trials
        first = composed[0].config
        self._settings: Settings = first["search"]
        self._maximize = task_of(first["data"]).higher_is_better(first["optimized_metric"])
        check_installed(self._settings)
        self._methods = [make_method(each, keys=keys) for each in composed]
        self._url = _storage_url(self._settings["storage"], self._folder)
        self.done_before = 0
        self._asked: dict[str, tuple[OptunaStudy, int]] = {}
        self._studies: dict[str, OptunaStudy] = {}
        if self._settings["storage"] or self._exists():
            self._open()
        self.sample = self._corners()

    @property
    def total(self) -> int:
        """The trials of all methods."""
        return self.n_trials * len(self._methods)

    def counts(self, job: Job) -> tuple[int, int]:
        """How many trials a job of the sample stands for, and how many of them have ended."""
        name, _, corner = job.name.rpartition(":")
        if corner != "0":
            return 0, 0
        return self.n_trials, self._n_ended(name)

    def jobs(self) -> Iterator[Job]:
        """Trials of the methods in turn, until each has its number."""
        if not self._studies:
            self._open()
        self.done_before = sum(study.n_ended for study in self._studies.values())
        for method in self._methods:
            study = self._studies[method.name]
            if self._retry_failed:
                study.retry_failed()
            for failed in study.failed():
                yield self._job(method, failed)
        open_methods = list(self._methods)
        while open_methods:
            for method in list(open_methods):
                study = self._studies[method.name]
                asked = study.ask()
                if asked is None:
                    open_methods.remove(method)
                    continue
                yield self._job(method, asked)

    def tell(self, job: Job, outcome: Outcome) -> None:
        """Tells the study; a trial that did not log what is optimised ends the search."""
        if outcome.status == "finished" and (outcome.value is None or outcome.value != outcome.value):
            raise UserError(
                f"optimized_metric={job.config['optimized_metric']} is not logged by the task:"
                f" {job.folder} has no such metric"
            )
        study, number = self._asked[job.name]
        study.tell(number, outcome)

    def announce(self) -> list[str]:
        """The table says it."""
        return []

    def summary(self) -> list[str]:
        """The best trial of each method."""
        lines = []
        for name, study in self._studies.items():
            if (best := study.best()) is not None:
                number, value, values = best
                shown_values = " ".join(f"{path}={shown(each)}" for path, each in values.items())
                lines.append(f"best of {name}: {value:.4f} in trial {number}: {shown_values}")
        return lines

    def _n_ended(self, method: str) -> int:
        return self._studies[method].n_ended if method in self._studies else 0

    def _exists(self) -> bool:
        return Path(self._url.removeprefix("sqlite:///")).exists()

    def _open(self) -> None:
        storage = open_storage(self._url)
        there, sweep = methods_of(storage), str(self._folder.relative_to(SWEEPS))
        self._methods = [
            named_apart(method, sweep=sweep, studies=there, manifest=self._manifest)
            for method in self._methods
        ]
        self._studies = {
            method.name: OptunaStudy(
                name=self._study_name(method),
                method=method.digest,
                storage=storage,
                settings=self._settings,
                space=method.space,
                n_trials=self.n_trials,
                maximize=self._maximize,
                folder=self._folder,
            )
            for method in self._methods
        }

    def _study_name(self, method: Method) -> str:
        return f"{self._folder.relative_to(SWEEPS)}/{method.name}"

    def _corners(self) -> list[Job]:
        """Of each method the lowest and the highest values, and each of the choices."""
        jobs = []
        for method in self._methods:
            if self._n_ended(method.name) >= self.n_trials:
                continue
            n_corners = max(len(dimension.corners()) for dimension in method.space.values())
            for index in range(n_corners):
                values = {
                    path: dimension.corners()[index % len(dimension.corners())]
                    for path, dimension in method.space.items()
                }
                point = (*method.point, *(f"{path}={shown(value)}" for path, value in values.items()))
                jobs.append(self._compose(point, f"{method.name}:{index}"))
        return jobs

    def _job(self, method: Method, asked: Asked) -> Job:
        number, values = asked.number, asked.values
        searched = [f"{path}={shown(value)}" for path, value in values.items()]
        bound = [
            f"search.trial={number}",
            f"search.study={quoted(self._study_name(method))}",
            f"search.storage={quoted(self._url)}",
        ]
        brief = [f"{path}={v:.4g}" if isinstance(v, float) else f"{path}={v}" for path, v in values.items()]
        name = job_name([f"search.trial={number}", *brief, *method.named])
        job = self._compose((*method.point, *searched, *bound), name)
        self._manifest.add([(job.name, job.overrides, job.config)])
        self._manifest.write()
        self._asked[job.name] = self._studies[method.name], number
        return job

    def _compose(self, point: Point, name: str) -> Job:
        return make_job(self._composer.compose(point), self._folder / name)


def _storage_url(setting: str | None, folder: Path) -> str:
    return setting or f"sqlite:///{(folder / TRIALS).resolve()}"
