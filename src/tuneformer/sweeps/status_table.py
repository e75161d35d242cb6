"""The status of a sweep as a table."""

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
    "interrupted": "magenta",
}


def status_table(sweep: SweepStatus) -> Table:
    """A line a job, and the counts and the time to go below it."""
    table = Table(title=f"{sweep.folder}: {summary(sweep)}", title_justify="left")
    for column in ("job", "status", "steps", "time", "result"):
        table.add_column(column, justify="left" if column in ("job", "status", "result") else "right")
    for job in sweep.jobs:
        table.add_row(
            job.name,
            Text(job.status, style=COLORS.get(job.status, "white")),
            f"{job.steps:,}/{job.max_steps:,}" if job.max_steps else "",
            clock(job.seconds) if job.seconds else "",
            _result(job),
        )
    return table


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
