"""The status of a sweep as a table."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from tuneformer.runs.record import STATUSES
from tuneformer.sweeps.clock import clock
from tuneformer.sweeps.status import LEFT, JobStatus, SweepStatus

COLORS = {
    "finished": "green",
    "running": "cyan",
    "failed": "red",
    "diverged": "yellow",
    "stopped": "yellow",
    "interrupted": "magenta",
}


FIRST_SHOWN = ("running", "failed", "interrupted", "diverged", LEFT)


def status_table(sweep: SweepStatus, *, at_most: int | None = None) -> Table:
    """A line a job under the counts and the time to go.

    Of more than `at_most` jobs those are shown that train, or that something is wrong with, before others.
    """
    table = Table(title=f"{sweep.folder}: {summary(sweep)}", title_justify="left")
    for column in ("job", "status", "steps", "time", "result"):
        table.add_column(column, justify="left" if column in ("job", "status", "result") else "right")
    for job in _shown(sweep, at_most):
        table.add_row(
            job.name,
            Text(job.status, style=COLORS.get(job.status, "white")),
            f"{job.steps:,}/{job.max_steps:,}" if job.max_steps else "",
            clock(job.seconds) if job.seconds else "",
            _result(job),
        )
    if at_most is not None and len(sweep.jobs) > at_most:
        table.caption = f"{len(sweep.jobs) - at_most:,} more jobs: --once shows all"
    return table


def _shown(sweep: SweepStatus, at_most: int | None) -> Sequence[JobStatus]:
    if at_most is None or len(sweep.jobs) <= at_most:
        return sweep.jobs
    places = {status: place for place, status in enumerate(FIRST_SHOWN)}
    order = sorted(range(len(sweep.jobs)), key=lambda i: (places.get(sweep.jobs[i].status, len(places)), i))
    return [sweep.jobs[i] for i in sorted(order[:at_most])]


def summary(sweep: SweepStatus) -> str:
    """The number of jobs of each status, and the time to go."""
    counts = [f"{sweep.count(status)} {status}" for status in (*STATUSES, LEFT) if sweep.count(status)]
    to_go = sweep.seconds_to_go
    time = "" if sweep.over else f"; {'unknown time' if to_go is None else f'about {clock(to_go)}'} to go"
    return f"{len(sweep.jobs)} jobs: {', '.join(counts)}{time}"


def _result(job: JobStatus) -> str:
    if job.error is not None:
        return job.error.strip().splitlines()[-1]
    return "" if job.value is None else f"{job.value:.4f}"
