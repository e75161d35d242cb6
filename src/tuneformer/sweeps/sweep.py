"""A sweep under way: every job run or found done, what became of it recorded and told."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

from tuneformer.process.terminal import say
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.record import stored_record
from tuneformer.sweeps.job import Ended, Job, Outcome, failure, outcome_of, recorded_outcome
from tuneformer.sweeps.launchers.launcher import Launcher
from tuneformer.sweeps.manifest import Manifest

Tell = Callable[[Job, Outcome], None]


def run_jobs(
    jobs: Iterator[Job | None],
    *,
    launcher: Launcher,
    manifest: Manifest,
    retry_failed: bool,
    tell: Tell,
    verbose: bool,
) -> None:
    """Runs the jobs that have not ended; `tell` hears of each, in the order in which they end.

    With `verbose` so does the person at the terminal, of those that have run.
    A job that failed before stays failed unless `retry_failed`.
    """

    def left() -> Iterator[Job | None]:
        for job in jobs:
            if job is None:
                yield None
                continue
            outcome = known_outcome(job, manifest)
            if outcome is not None and is_settled(outcome, retry_failed=retry_failed):
                tell(job, outcome)
            else:
                yield job

    with closing(launcher.run(left())) as ends:
        for ended in ends:
            outcome = conclude(ended, manifest)
            if verbose:
                say(f"{ended.job.name}: {describe(outcome, ended.job.config['optimized_metric'])}")
            tell(ended.job, outcome)


def known_outcome(job: Job, manifest: Manifest) -> Outcome | None:
    """What became of the job in an earlier attempt, by its record or by the manifest."""
    outcome = recorded_outcome(job)
    entry = manifest.jobs.get(job.name)
    if outcome is None and entry is not None and entry.error is not None:
        return failure(entry.error)
    return outcome


def is_settled(outcome: Outcome, *, retry_failed: bool) -> bool:
    """Whether a job with this outcome does not run again."""
    return outcome.ended or (outcome.status == "failed" and not retry_failed)


def conclude(ended: Ended, manifest: Manifest) -> Outcome:
    """What became of a job whose process has ended; a death that it could not record itself is recorded."""
    job, directory = ended.job, RunDirectory(ended.job.folder)
    metric = job.config["optimized_metric"]
    recorded = recorded_outcome(job)
    if recorded is None:
        manifest.set_error(job.name, ended.error)
        reason = ended.error or ended.lost or "it ended without a record"
        return failure(reason, status="failed" if ended.error else "interrupted")
    manifest.set_error(job.name, None)
    if recorded.status == "interrupted" and stored_record(directory.record_file).status == "running":
        error = ended.error or ended.lost
        record = replace(directory.read_record(), status="interrupted", error=error)
        directory.write_record(record)
        return outcome_of(record, metric)
    if not recorded.ended and ended.error is not None:  # such as a run that another process holds
        return failure(ended.error)
    return recorded


def describe(outcome: Outcome, metric: str) -> str:
    """An outcome in a few words."""
    value = f", {metric} {outcome.value:.4f}" if outcome.value is not None else ""
    error = f": {outcome.error}" if outcome.error else ""
    return f"{outcome.status}{value}, {outcome.steps:,} steps, {outcome.seconds:.1f} s{error}"
