"""search=ask as a plan of a sweep: the trials that a question asks for, as jobs."""

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from tuneformer.analysis.compare.criterion import CHOOSING, REPORTING
from tuneformer.config.quoting import quoted
from tuneformer.errors import UserError
from tuneformer.process.invocation import typed_command
from tuneformer.process.terminal import say
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.files import write_json
from tuneformer.runs.record import has_ended
from tuneformer.runs.shown_paths import shown_command
from tuneformer.runs.trial_roles import CHECK, CONFIRM, EXPLORE, REFINE, REPORT
from tuneformer.sweeps.ask.answer import Answer
from tuneformer.sweeps.ask.budget import SECONDS, Split, read_budget, split
from tuneformer.sweeps.ask.contestants import (
    SEED,
    ComposedContestant,
    fixed_point,
    question_of,
    within_what_composes,
)
from tuneformer.sweeps.ask.inquiry import Findings, costs_without_time, inquire
from tuneformer.sweeps.ask.kept import read_kept
from tuneformer.sweeps.ask.pages import write_comparison
from tuneformer.sweeps.ask.promise import promise, promise_of
from tuneformer.sweeps.ask.trials import AskedTrial, Point, TrialResult
from tuneformer.sweeps.composing import Composer
from tuneformer.sweeps.folders import SWEEPS, make_job
from tuneformer.sweeps.job import Job, Outcome
from tuneformer.sweeps.job_names import job_name
from tuneformer.sweeps.manifest import Manifest
from tuneformer.sweeps.search.space import shown
from tuneformer.sweeps.sweep import known_outcome
from tuneformer.tasks.lookup import task_of

WHAT = {
    CHECK: "try what often holds a baseline back",
    EXPLORE: "try settings from the whole of their ranges",
    REFINE: "try settings around each method's best",
    CONFIRM: "repeat the best settings with another seed",
    REPORT: "report each method's setting with fresh seeds",
}
DIVERGED = TrialResult(chosen_by=math.inf, reported=math.inf, seconds=0.0)


class Ask:
    """The trials of a question, asked for in lists; when one is done the next is known."""

    def __init__(
        self,
        *,
        contestants: Sequence[ComposedContestant],
        composer: Composer,
        manifest: Manifest,
        budget: str | None,
        retry_failed: bool,
        at_a_time: Callable[[], int],
    ) -> None:
        first = contestants[0].method.composed
        if budget is None:
            option = first.hydra.runtime.choices.search
            raise UserError(f"search={option} needs a budget: hydra.sweeper.budget=64runs, 200000steps or 2h")
        self._composer, self._manifest, self._folder = composer, manifest, manifest.path.parent
        self._retry_failed = retry_failed
        config = first.config
        self._metric: str = config["optimized_metric"]
        self._reported_metric: str | None = None
        self._sign = -1.0 if task_of(config["data"]).higher_is_better(self._metric) else 1.0
        self._budget = read_budget(budget)
        self._contestants = {
            each.contestant.name: within_what_composes(each, self._composes) for each in contestants
        }
        self._question = question_of(list(self._contestants.values()), self._composes)
        sweep = str(self._folder.relative_to(SWEEPS))
        self._kept = read_kept(self._folder, question=self._digest(), budget=self._budget, sweep=sweep)
        self._first = self._kept.first or self._budget
        self._jobs: dict[str, AskedTrial] = {}
        self._results: dict[AskedTrial, TrialResult] = {}
        self._told: set[AskedTrial] = set()
        self._failed_before: set[AskedTrial] = set()
        self._findings: Findings | None = None
        self._at_a_time = at_a_time
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
        """The trials that a contestant may have, those of the check and the report included, and those that
        ended.

        Of a budget of time no more is known than that there is one.
        """
        name, _, corner = job.name.rpartition(":")
        if corner != "0":
            return 0, 0
        if self._first.unit == SECONDS:
            return 1, 0
        costs, question = costs_without_time(self._question, self._first), self._question
        plan = split(self._first, costs, entries=question.methods, baseline=question.baseline)
        n = (
            plan.trials[name]
            + int(plan.report / sum(costs.values()))
            + plan.check * (name == question.baseline)
        )
        return n, min(n, self._n_ended(name))

    def jobs(self) -> Iterator[Job | None]:
        """The trials of each list in order; None while those of the list that run are not done."""
        self._kept = replace(self._kept, at_a_time=self._kept.at_a_time or self._at_a_time())
        inquiry = inquire(
            self._question,
            first=self._first,
            budget=self._budget,
            known=self._results,
            at_a_time=self._kept.at_a_time or 1,
            on_plan=self._plan,
        )
        try:
            asked = next(inquiry)
            while True:
                self._say_what_is_next(asked)
                begun, before = time.monotonic(), len(self._results)
                for trial in asked:
                    if trial not in self._results and (job := self._job(trial)) is not None:
                        yield job
                while any(trial not in self._results for trial in asked):
                    if self._all_told(asked):
                        say("ask: the same line again goes on, and counts runs that failed as diverged")
                        return
                    yield None
                self._measure_starts(time.monotonic() - begun, list(self._results.values())[before:])
                asked = inquiry.send(self._results)
        except StopIteration as end:
            self._findings = end.value

    def tell(self, job: Job, outcome: Outcome) -> None:
        """Takes note of a trial that has ended; one that failed in an earlier attempt counts as diverged."""
        trial = self._jobs[job.name]
        self._told.add(trial)
        if outcome.ended:
            self._results[trial] = self._result(job, outcome)
        elif trial in self._failed_before:
            say(f"ask: counts as diverged: {job.name}: {outcome.error}")
            self._results[trial] = DIVERGED

    def summary(self) -> list[str]:
        """The answer in sentences; it is written into the sweep's folder."""
        if self._findings is None:
            return []
        answer = Answer(
            findings=self._findings,
            question=self._question,
            budget=self._budget,
            metric=self._metric,
            reported_metric=self._reported_metric or self._metric,
            sign=self._sign,
            results=self._results,
            command=shown_command(typed_command()),
        )
        write_json(self._folder / "answer.json", answer.as_json())
        horizons = {each.horizon for each in self._contestants.values()}
        pages = write_comparison(self._folder, self._metric, several_lengths=len(horizons) > 1)
        return [*answer.sentences(), f"written: {self._folder / 'answer.json'}{pages}"]

    def _plan(self, plan: Split, costs: Mapping[str, float]) -> None:
        """Keeps the budget that was found large enough; tells what a budget of time buys."""
        self._kept = replace(self._kept, first=self._first)
        self._kept.write(self._folder)
        if self._first.unit == SECONDS:
            n_seeds = int(plan.report / sum(costs.values()))
            for line in promise_of(self._question, plan, n_seeds, budget=self._budget, metric=self._metric):
                say(line)

    def _result(self, job: Job, outcome: Outcome) -> TrialResult:
        """What a run that has ended came to; one whose metric is not finite has diverged."""
        final = RunDirectory(job.folder).read_record().final
        if outcome.status == "finished" and outcome.value is None:
            raise UserError(
                f"optimized_metric={self._metric} is not logged by the task: {job.folder} has none"
            )
        if self._reported_metric is None and outcome.status == "finished":
            of_test = self._metric.replace(CHOOSING, REPORTING, 1)
            self._reported_metric = of_test if of_test in final else self._metric
        values = [outcome.value, final.get(self._reported_metric or self._metric)]
        seconds = outcome.seconds + (self._kept.seconds_to_start or 0.0)
        if any(value is None or not math.isfinite(value) for value in values):
            return replace(DIVERGED, seconds=seconds)
        chosen, reported = (self._sign * float(value or 0.0) for value in values)
        return TrialResult(chosen_by=chosen, reported=reported, seconds=seconds)

    def _digest(self) -> str:
        """What makes another question of it: methods and their spaces, lengths, difference, seeds."""
        spaces = [
            (each.method.digest, each.horizon, sorted(map(repr, each.contestant.space.space.items())))
            for each in self._contestants.values()
        ]
        q = self._question
        asked = (spaces, q.detect, q.seed, q.points_seed, q.baseline, self._metric)
        return hashlib.sha256(repr(asked).encode()).hexdigest()[:16]

    def _measure_starts(self, seconds: float, ended: Sequence[TrialResult]) -> None:
        """Keeps, after the first list of a question in seconds, what a run takes beside its own seconds."""
        if self._first.unit != SECONDS or self._kept.seconds_to_start is not None or not ended:
            return
        beside = seconds * min(self._kept.at_a_time or 1, len(ended)) - sum(each.seconds for each in ended)
        starts = max(0.0, beside / len(ended))
        self._kept = replace(self._kept, seconds_to_start=starts)
        self._kept.write(self._folder)
        for trial, each in self._results.items():
            self._results[trial] = replace(each, seconds=each.seconds + starts)

    def _n_ended(self, name: str) -> int:
        study = f"search.study={quoted(self._study(name))}"
        mine = [job for job, entry in self._manifest.jobs.items() if study in entry.overrides]
        records = [RunDirectory(self._folder / job).readable_record() for job in mine]
        return sum(record is not None and has_ended(record) for record in records)

    def _corners(self) -> list[Job]:
        """Of each entry the ends of its ranges, and each of its choices."""
        jobs = []
        for name, asked in self._contestants.items():
            corners = {path: dimension.corners() for path, dimension in asked.contestant.space.space.items()}
            for index in range(max(map(len, corners.values()))):
                values = tuple((path, ends[index % len(ends)]) for path, ends in corners.items())
                point = (*fixed_point(asked), *_typed(values))
                jobs.append(make_job(self._composer.compose(point), self._folder / f"{name}:{index}"))
        return jobs

    def _job(self, trial: AskedTrial) -> Job | None:
        """The job of a trial; None where its settings are refused: then it counts as diverged."""
        asked = self._contestants[trial.method]
        seed = f"{SEED}={trial.seed}"
        bound = [
            f"search.trial={len(self._jobs)}",
            f"search.study={quoted(self._study(trial.method))}",
            f"search.role={trial.role}",
        ]
        values = [f"{_brief(path, trial.values)}={shown(value)}" for path, value in trial.values]
        name = job_name([f"{trial.role}={trial.seed}", *values, *asked.named])
        point = (*fixed_point(asked), *_typed(trial.values), seed, *bound)
        try:
            job = make_job(self._composer.compose(point), self._folder / name)
        except UserError as error:
            say(f"ask: counts as diverged: {error}")
            self._results[trial] = DIVERGED
            return None
        self._manifest.add([(job.name, job.overrides, job.config)])
        self._manifest.write()
        self._jobs[job.name] = trial
        known = known_outcome(job, self._manifest)
        if known is not None and known.status == "failed" and not self._retry_failed:
            self._failed_before.add(trial)
        return job

    def _composes(self, point: Sequence[str]) -> bool:
        """Whether a point is a run that can be trained, as far as composing tells."""
        try:
            self._composer.compose(tuple(point))
        except UserError:
            return False
        return True

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
