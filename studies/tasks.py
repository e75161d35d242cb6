"""The study of tasks: every known result once more, against what must come out."""

import math
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from studies.over_seeds import over_seeds
from studies.running import Call, RunResult, run_all
from studies.task_trials import TaskTrial
from tuneformer.process.terminal import say
from tuneformer.report.wording import INTERVAL
from tuneformer.runs.metrics_file import read_rows
from tuneformer.runs.record import RunRecord
from tuneformer.sweeps.folders import sweep_folder

HEAD = (
    f"| task | arm | seeds | metric | expected | measured {INTERVAL} | deviation | optimum"
    " | as expected | minutes a run |",
    "|---|---|---|---|---|---|---|---|---|---|",
)


@dataclass(frozen=True)
class TaskJob:
    """One run: an experiment, what is changed in it, and a seed. Several trials may look at it."""

    experiment: str
    overrides: tuple[str, ...]
    seed: int

    @property
    def name(self) -> str:
        """The folder of the run."""
        changed = ",".join((self.experiment, *self.overrides, f"seed={self.seed}"))
        return changed.replace("/", "%2F")

    def call(self, folder: Path, overrides: Sequence[str]) -> Call:
        """The run as train.py takes it, and where it lies."""
        settings = [f"experiment={self.experiment}", "logger=none", "trainer.threads=1"]
        return [*settings, *self.overrides, f"seed={self.seed}", *overrides], str(folder / self.name)


class TaskStudy:
    """All trials and the records of their runs, in outputs/sweeps/<name>.

    A run that is there already is not trained again, and one that was interrupted goes on.
    """

    def __init__(self, *, name: str, trials: Sequence[TaskTrial], overrides: Sequence[str]) -> None:
        self.folder = sweep_folder(name)
        self.trials = trials
        self.records: dict[TaskJob, RunRecord] = {}
        self.errors: dict[TaskJob, str] = {}
        self._jobs = list(dict.fromkeys(job for trial in trials for job in jobs_of(trial)))
        self._overrides = overrides
        self._started = time.monotonic()

    def run(self, *, workers: int) -> None:
        """Runs everything that is not there yet, `workers` at a time, telling of each as it ends."""
        calls = {job: job.call(self.folder, self._overrides) for job in self._jobs}
        run_all(calls, workers=workers, folder=self.folder, taken=self._take)

    def table(self) -> str:
        """A row a trial, in their order."""
        return "\n".join([*HEAD, *(self._row(trial) for trial in self.trials)])

    def _take(self, job: TaskJob, outcome: RunResult, still_open: Collection[TaskJob]) -> dict[TaskJob, Call]:
        del still_open
        if outcome.record is None:
            self.errors[job] = outcome.error or "no reason given"
        else:
            self.records[job] = outcome.record
        minutes = (time.monotonic() - self._started) / 60
        done = len(self.records) + len(self.errors)
        result = self.errors[job] if outcome.record is None else outcome.record.status
        say(f"{done} of {len(self._jobs)}, {minutes:.1f} min: {job.name}: {result}")
        return {}

    def _value(self, trial: TaskTrial, job: TaskJob) -> float:
        if trial.reaches is None:
            return float(self.records[job].final.get(trial.metric, math.nan))
        rows = list(read_rows(self.folder / job.name / "metrics.csv"))
        return first_step(rows, metric=trial.metric, reaches=trial.reaches)

    def _row(self, trial: TaskTrial) -> str:
        jobs = [job for job in jobs_of(trial) if job in self.records]
        values = [self._value(trial, job) for job in jobs]
        optima = [self.records[job].data["optimum"].get(trial.metric) for job in jobs]
        held = sum(trial.holds(value, optimum=optimum) for value, optimum in zip(values, optima, strict=True))
        minutes = [self.records[job].wall_seconds / 60 for job in jobs]
        cells = [
            trial.experiment,
            trial.arm,
            str(len(values)),
            trial.figure(),
            trial.expected(),
            *over_seeds(values),
            "" if not optima or optima[0] is None else f"{optima[0]:.4f}",
            f"{held} of {trial.n_seeds}",
            f"{mean(minutes):.1f}" if minutes else "",
        ]
        return f"| {' | '.join(cells)} |"


def first_step(rows: Sequence[Mapping[str, float]], *, metric: str, reaches: float) -> float:
    """The step of the first row where `metric` is at least `reaches`; nan where none is."""
    return next((float(row["step"]) for row in rows if row.get(metric, math.nan) >= reaches), math.nan)


def jobs_of(trial: TaskTrial) -> list[TaskJob]:
    """The runs that a trial looks at."""
    return [TaskJob(trial.experiment, trial.overrides, seed) for seed in range(trial.n_seeds)]
