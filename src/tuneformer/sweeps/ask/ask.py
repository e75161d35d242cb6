"""search=ask as a plan of a sweep: the trials that a question asks for, as jobs."""

import hashlib
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tuneformer.config.quoting import quoted
from tuneformer.errors import UserError
from tuneformer.process.invocation import typed_command
from tuneformer.process.terminal import say
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.files import write_json
from tuneformer.runs.plain_files import read_json
from tuneformer.runs.record import has_ended
from tuneformer.runs.shown_paths import shown_command
from tuneformer.runs.trial_roles import CHECK, CONFIRM, EXPLORE, REFINE, REPORT
from tuneformer.sweeps.ask.answer import Answer
from tuneformer.sweeps.ask.budget import RUNS, SECONDS, Budget, read_budget, split
from tuneformer.sweeps.ask.contestants import SEED, contestants_of, fixed_point, question_of
from tuneformer.sweeps.ask.inquiry import Findings, inquire
from tuneformer.sweeps.ask.pages import write_comparison
from tuneformer.sweeps.ask.promise import promise
from tuneformer.sweeps.ask.trials import AskedTrial, Point, TrialResult
from tuneformer.sweeps.composing import Composed, Composer
from tuneformer.sweeps.folders import SWEEPS, make_job
from tuneformer.sweeps.job import Job, Outcome
from tuneformer.sweeps.job_names import job_name
from tuneformer.sweeps.manifest import Manifest
from tuneformer.sweeps.search.space import shown
from tuneformer.tasks.lookup import task_of

WHAT = {
    CHECK: "try what often holds a baseline back",
    EXPLORE: "try settings from the whole of their ranges",
    REFINE: "try settings around each method's best",
    CONFIRM: "repeat the best settings with another seed",
    REPORT: "report each method's setting with fresh seeds",
}
ASKED = "ask.json"
"""In the sweep's folder: the question and the budget that it was first asked with."""


class Ask:
    """The trials of a question, asked for in lists; when one is done the next is known."""

    def __init__(
        self,
        *,
        composed: Sequence[Composed],
        keys: frozenset[str],
        composer: Composer,
        manifest: Manifest,
        budget: str | None,
    ) -> None:
        if budget is None:
            raise UserError("search=ask needs a budget: hydra.sweeper.budget=64runs, 200000steps or 2h")
        self._composer, self._manifest, self._folder = composer, manifest, manifest.path.parent
        self._entries = {each.contestant.name: each for each in contestants_of(composed, keys=keys)}
        self._question = question_of(list(self._entries.values()))
        config = composed[0].config
        self._metric: str = config["optimized_metric"]
        self._sign = -1.0 if task_of(config["data"]).higher_is_better(self._metric) else 1.0
        self._budget = read_budget(budget)
        self._seconds_to_start: float | None = None
        self._first = self._asked_before() or self._budget
        self._jobs: dict[str, AskedTrial] = {}
        self._results: dict[AskedTrial, TrialResult] = {}
        self._told: set[AskedTrial] = set()
        self._findings: Findings | None = None
        self.at_a_time = 1
        self.done_before = 0
        self.sample = self._corners()

    @property
    def total(self) -> int:
        """The trials asked for so far."""
        return len(self._jobs)

    def announce(self) -> list[str]:
        """What the budget buys, in words."""
        return promise(self._question, self._budget, first=self._first, metric=self._metric)

    def counts(self, job: Job) -> tuple[int, int]:
        """The trials of tuning that an entry has, and how many of all its trials have ended."""
        name, _, corner = job.name.rpartition(":")
        if corner != "0":
            return 0, 0
        if self._first.unit == SECONDS:
            return 1, 0
        trials = split(self._first, self._costs(), entries=self._question.methods, baseline=None).trials
        return trials[name], min(trials[name], self._n_ended(name))

    def jobs(self) -> Iterator[Job | None]:
        """The trials of each list in order; None while those of the list that run are not done."""
        self._remember()
        inquiry = inquire(self._question, first=self._first, budget=self._budget, at_a_time=self.at_a_time)
        try:
            asked = next(inquiry)
            while True:
                self._say_what_is_next(asked)
                begun, before = time.monotonic(), len(self._results)
                for trial in asked:
                    if trial not in self._results:
                        yield self._job(trial)
                while any(trial not in self._results for trial in asked):
                    if self._all_told(asked):
                        return  # some failed or were cut off: the same line goes on
                    yield None
                self._measure_starts(time.monotonic() - begun, list(self._results.values())[before:])
                asked = inquiry.send(self._with_starts())
        except StopIteration as end:
            self._findings = end.value

    def tell(self, job: Job, outcome: Outcome) -> None:
        """Takes note of a trial that has ended."""
        trial = self._jobs[job.name]
        self._told.add(trial)
        if not outcome.ended:
            return
        final = RunDirectory(job.folder).read_record().final
        chosen = math.nan if outcome.value is None else outcome.value
        if outcome.status == "finished" and not math.isfinite(chosen):
            raise UserError(
                f"optimized_metric={self._metric} is not logged by the task: none in {job.folder}"
            )
        reported = final.get(self._metric.replace("val/", "test/", 1), chosen)
        self._results[trial] = TrialResult(
            chosen_by=self._sign * chosen if math.isfinite(chosen) else math.inf,
            reported=self._sign * float(reported) if math.isfinite(chosen) else math.inf,
            seconds=outcome.seconds,
        )

    def summary(self) -> list[str]:
        """The answer in sentences; it is written into the sweep's folder."""
        if self._findings is None:
            return []
        answer = Answer(
            findings=self._findings,
            question=self._question,
            budget=self._budget,
            metric=self._metric,
            sign=self._sign,
            results=self._results,
            command=shown_command(typed_command()),
        )
        write_json(self._folder / "answer.json", answer.as_json())
        horizons = {each.horizon for each in self._entries.values()}
        pages = write_comparison(self._folder, self._metric, several_lengths=len(horizons) > 1)
        return [*answer.sentences(), f"written: {self._folder / 'answer.json'}{pages}"]

    def _asked_before(self) -> Budget | None:
        """The budget that the question was first asked with; None where it is new.

        Raises:
            UserError: the sweep holds another question.
        """
        path = self._folder / ASKED
        try:
            there = read_json(path)
        except FileNotFoundError:
            return None
        known = there if isinstance(there, dict) else {}
        if known.get("question") != self._digest():
            raise UserError(
                f"sweep={self._folder.relative_to(SWEEPS)} holds another question (methods, settings, lengths"
                " or ranges differ): choose another sweep=<name>"
            )
        first = read_budget(str(known.get("budget")))
        starts = known.get("seconds_to_start")
        self._seconds_to_start = float(starts) if isinstance(starts, int | float) else None
        if first.unit != self._budget.unit:
            raise UserError(
                f"hydra.sweeper.budget={self._budget}: the question was first asked with {first}; give more"
                f" {first.unit}"
            )
        if self._budget.amount < first.amount:
            raise UserError(
                f"hydra.sweeper.budget={self._budget}: the question was first asked with {first}; give as"
                " much or more"
            )
        return first

    def _remember(self) -> None:
        if not (self._folder / ASKED).exists():
            self._write(starts=None)

    def _write(self, *, starts: float | None) -> None:
        asked = {"budget": self._first.typed, "question": self._digest(), "seconds_to_start": starts}
        write_json(self._folder / ASKED, asked)

    def _measure_starts(self, seconds: float, ended: Sequence[TrialResult]) -> None:
        """Note, after the first list of a question in seconds, what a run takes beside its own seconds."""
        if self._first.unit != SECONDS or self._seconds_to_start is not None or not ended:
            return
        beside = seconds * min(self.at_a_time, len(ended)) - sum(each.seconds for each in ended)
        self._seconds_to_start = max(0.0, beside / len(ended))
        self._write(starts=self._seconds_to_start)

    def _with_starts(self) -> dict[AskedTrial, TrialResult]:
        """The results so far, what each run took to start included."""
        beside = self._seconds_to_start or 0.0
        return {trial: replace(each, seconds=each.seconds + beside) for trial, each in self._results.items()}

    def _digest(self) -> str:
        """What makes another question of it: methods and their spaces, lengths, difference, seeds."""
        spaces = [
            (each.method.digest, each.horizon, sorted(map(repr, each.contestant.space.space.items())))
            for each in self._entries.values()
        ]
        asked = (spaces, self._question.detect, self._question.seed, self._question.baseline, self._metric)
        return hashlib.sha256(repr(asked).encode()).hexdigest()[:16]

    def _costs(self) -> dict[str, float]:
        by_runs = self._first.unit == RUNS
        return {
            each.name: each.cost_in_runs if by_runs else float(each.steps) for each in self._question.entries
        }

    def _n_ended(self, name: str) -> int:
        study = f"search.study={quoted(self._study(name))}"
        mine = [job for job, entry in self._manifest.jobs.items() if study in entry.overrides]
        records = [RunDirectory(self._folder / job).readable_record() for job in mine]
        return sum(record is not None and has_ended(record) for record in records)

    def _corners(self) -> list[Job]:
        """Of each entry the ends of its ranges, and each of its choices."""
        jobs = []
        for name, asked in self._entries.items():
            corners = {path: dimension.corners() for path, dimension in asked.contestant.space.space.items()}
            for index in range(max(map(len, corners.values()))):
                values = tuple((path, ends[index % len(ends)]) for path, ends in corners.items())
                point = (*fixed_point(asked), *_typed(values))
                jobs.append(make_job(self._composer.compose(point), self._folder / f"{name}:{index}"))
        return jobs

    def _job(self, trial: AskedTrial) -> Job:
        asked = self._entries[trial.method]
        seed = f"{SEED}={trial.seed}"
        bound = [
            f"search.trial={len(self._jobs)}",
            f"search.study={quoted(self._study(trial.method))}",
            f"search.role={trial.role}",
        ]
        values = [f"{_brief(path, trial.values)}={shown(value)}" for path, value in trial.values]
        name = job_name([f"{trial.role}={trial.seed}", *values, *asked.named])
        point = (*fixed_point(asked), *_typed(trial.values), seed, *bound)
        job = make_job(self._composer.compose(point), self._folder / name)
        self._manifest.add([(job.name, job.overrides, job.config)])
        self._manifest.write()
        self._jobs[job.name] = trial
        return job

    def _say_what_is_next(self, asked: Sequence[AskedTrial]) -> None:
        for role, what in WHAT.items():
            if n := sum(trial.role == role and trial not in self._results for trial in asked):
                say(f"ask: {n} runs {what}")

    def _study(self, entry: str) -> str:
        return f"{self._folder.relative_to(SWEEPS)}/{entry}"

    def _all_told(self, asked: Sequence[AskedTrial]) -> bool:
        return all(trial in self._results or trial in self._told for trial in asked)


def _brief(path: str, values: Point) -> str:
    """The last part of a setting's name where that says which it is."""
    last = path.rpartition(".")[2]
    return last if sum(other.rpartition(".")[2] == last for other, _ in values) == 1 else path


def _typed(values: Point) -> list[str]:
    return [f"{path}={shown(value)}" for path, value in values]
