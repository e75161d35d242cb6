"""The study of tasks: every known result once more, against what must come out."""

import math
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from tuneformer.runs.directory import OUTPUTS
from tuneformer.runs.record import Record
from tuneformer.studies.running import Call, Outcome, run_all
from tuneformer.studies.task_trials import Trial
from tuneformer.terminal import say


@dataclass(frozen=True)
class TaskJob:
    """One run of a trial."""

    trial: Trial
    seed: int

    def call(self, folder: Path, overrides: Sequence[str]) -> Call:
        """The run as train.py takes it, and where it lies: its experiment, what is changed, and its seed."""
        changed = [*self.trial.overrides, f"seed={self.seed}"]
        name = ",".join([self.trial.experiment, *changed]).replace("/", "%2F")
        settings = [f"experiment={self.trial.experiment}", "logger=none", *changed, "trainer.threads=1"]
        return [*settings, *overrides], str(folder / name)


class TaskStudy:
    """All trials and the records of their runs, in outputs/sweeps/<name>.

    A run that is there already is not trained again, and one that was interrupted goes on.
    """

    def __init__(self, *, name: str, trials: Sequence[Trial], overrides: Sequence[str]) -> None:
        self.folder = OUTPUTS / "sweeps" / name
        self.trials = trials
        self.records: dict[TaskJob, Record] = {}
        self.errors: dict[TaskJob, str] = {}
        self._jobs = [TaskJob(trial, seed) for trial in trials for seed in range(trial.n_seeds)]
        self._overrides = overrides
        self._started = time.monotonic()

    def run(self, *, workers: int) -> None:
        """Runs everything that is not there yet, `workers` at a time, telling of each as it ends."""
        calls = {job: job.call(self.folder, self._overrides) for job in self._jobs}
        run_all(calls, workers=workers, folder=self.folder, taken=self._take)

    def table(self) -> str:
        """A row a trial, in their order."""
        lines = [
            "| task | arm | seeds | metric | expected | measured | optimum | as expected | minutes a run |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        return "\n".join([*lines, *(self._row(trial) for trial in self.trials)])

    def _take(self, job: TaskJob, outcome: Outcome, still_open: Collection[TaskJob]) -> dict[TaskJob, Call]:
        del still_open
        if outcome.record is None:
            self.errors[job] = outcome.error or "no reason given"
        else:
            self.records[job] = outcome.record
        minutes = (time.monotonic() - self._started) / 60
        result = self.errors.get(job) or f"{job.trial.metric} {self._value(job):.4f}"
        say(
            f"{len(self.records) + len(self.errors)} of {len(self._jobs)}, {minutes:.1f} min:"
            f" {job.trial.experiment}, {job.trial.arm}, seed {job.seed}: {result}"
        )
        return {}

    def _value(self, job: TaskJob) -> float:
        return float(self.records[job]["metrics"]["final"].get(job.trial.metric, math.nan))

    def _row(self, trial: Trial) -> str:
        jobs = [job for job in self.records if job.trial == trial]
        values = [self._value(job) for job in sorted(jobs, key=lambda job: job.seed)]
        optima = [self.records[job]["data"]["optimum"].get(trial.metric) for job in jobs]
        optimum = optima[0] if optima else None
        held = sum(trial.holds(value, optimum=optimum) for value in values)
        minutes = [self.records[job]["wall_seconds"] / 60 for job in jobs]
        cells = [
            trial.experiment,
            trial.arm,
            str(len(values)),
            trial.metric,
            trial.expected(),
            shown(values),
            "" if optimum is None else f"{optimum:.4f}",
            f"{held} of {trial.n_seeds}",
            f"{mean(minutes):.1f}" if minutes else "",
        ]
        return f"| {' | '.join(cells)} |"


def shown(values: Sequence[float]) -> str:
    """A value, or mean and standard deviation over seeds; "-" where there is none."""
    if not values:
        return "-"
    return f"{mean(values):.4f}" + (f" ± {stdev(values):.4f}" if len(values) > 1 else "")
