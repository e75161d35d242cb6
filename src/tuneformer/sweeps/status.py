"""How far a sweep is, read from its folder alone."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tuneformer.errors import UserError
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.metrics_file import read_rows
from tuneformer.runs.record import ENDED
from tuneformer.sweeps.manifest import MANIFEST, Entry, Manifest

LEFT = "left"


@dataclass(frozen=True, kw_only=True)
class JobStatus:
    """One job: its status (that of a record, or left), steps done of those to do, seconds so far, error."""

    name: str
    status: str
    steps: int
    max_steps: int
    seconds: float
    value: float | None
    error: str | None


@dataclass(frozen=True, kw_only=True)
class SweepStatus:
    """All jobs of a sweep at one moment."""

    folder: Path
    jobs: tuple[JobStatus, ...]

    def count(self, status: str) -> int:
        """The number of jobs with this status."""
        return Counter(job.status for job in self.jobs)[status]

    @property
    def over(self) -> bool:
        """Whether no job is running or left."""
        return all(job.status in (*ENDED, "failed") for job in self.jobs)

    @property
    def seconds_to_go(self) -> float | None:
        """Steps to go x mean seconds of a step so far / jobs that run now; None where nothing tells.

        A job that has not begun is taken to have as many steps as the mean of those that have.
        """
        open_jobs = [job for job in self.jobs if job.status not in (*ENDED, "failed")]
        steps = sum(job.steps for job in self.jobs if job.seconds)
        known = [job.max_steps for job in self.jobs if job.max_steps]
        if not open_jobs or not steps or not known:
            return None if open_jobs else 0.0
        mean_steps = sum(known) / len(known)
        to_go = sum((job.max_steps or mean_steps) - job.steps for job in open_jobs)
        pace = sum(job.seconds for job in self.jobs) / steps
        return to_go * pace / max(1, self.count("running"))


def read_status(folder: Path) -> SweepStatus:
    """What the manifest and the records of a sweep say.

    Raises:
        UserError: the folder holds no sweep.
    """
    if not (folder / MANIFEST).is_file():
        raise UserError(f"{folder} holds no sweep: give a folder such as outputs/sweeps/<sweep>")
    entries = Manifest(folder).jobs
    return SweepStatus(
        folder=folder, jobs=tuple(_job(folder / name, entry) for name, entry in entries.items())
    )


def _job(folder: Path, entry: Entry) -> JobStatus:
    directory = RunDirectory(folder)
    status, steps, max_steps, seconds, value, error = LEFT, 0, 0, 0.0, None, entry.error
    try:
        if directory.begun():
            record, config = directory.read_record(), directory.read_config()
            status, error = record["status"], record.get("error")
            if status == "running" and not directory.held():
                status = "interrupted"
            max_steps = config.get("trainer", {}).get("max_steps", 0)
            steps, seconds = _progress(directory, record.get("steps", 0), record["wall_seconds"])
            value = record["metrics"]["final"].get(config.get("optimized_metric", ""))
        elif entry.error is not None:
            status = "failed"
    except UserError as damaged:
        status, error = "failed", str(damaged)
    number = float(value) if value is not None and math.isfinite(float(value)) else None
    return JobStatus(
        name=folder.name,
        status=status,
        steps=steps,
        max_steps=max_steps,
        seconds=seconds,
        value=number,
        error=error,
    )


def _progress(directory: RunDirectory, steps: int, seconds: float) -> tuple[int, float]:
    """Steps and seconds by the last row of metrics.csv, where the record is older than that."""
    rows: Sequence[dict[str, float]] = []
    if directory.metrics_file.exists():
        rows = read_rows(directory.metrics_file)
    last = rows[-1] if rows else {}
    return max(steps, int(last.get("step", 0))), max(seconds, last.get("seconds", 0.0))
