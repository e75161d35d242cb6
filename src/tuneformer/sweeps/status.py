"""How far a sweep is, read from its folder alone."""

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuneformer.errors import UserError
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.metrics_file import read_last_row
from tuneformer.runs.own_folder import MANIFEST
from tuneformer.runs.record import ENDED, STOPPED, stop_told
from tuneformer.runs.regular_file import read_regular
from tuneformer.sweeps.manifest import Entry, Manifest

LEFT = "left"
CLOSED = (*ENDED, STOPPED, "failed")
AT_MOST_CONFIG_BYTES = 1 << 20
MAX_STEPS = re.compile(r"^trainer:\n(?: [^\n]*\n)*?  max_steps: (\d{1,18})$", re.MULTILINE)
METRIC = re.compile(r"^optimized_metric: ([a-z_/]+)$", re.MULTILINE)

Stamp = tuple[int, ...]


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
        return all(job.status in CLOSED for job in self.jobs)

    @property
    def seconds_to_go(self) -> float | None:
        """Steps to go x mean seconds of a step so far / jobs that run now; None where nothing tells.

        A job that has not begun is taken to have as many steps as the mean of those that have.
        """
        open_jobs = [job for job in self.jobs if job.status not in CLOSED]
        steps = sum(job.steps for job in self.jobs if job.seconds)
        known = [job.max_steps for job in self.jobs if job.max_steps]
        if not open_jobs or not steps or not known:
            return None if open_jobs else 0.0
        mean_steps = sum(known) / len(known)
        to_go = sum((job.max_steps or mean_steps) - job.steps for job in open_jobs)
        pace = sum(job.seconds for job in self.jobs) / steps
        return to_go * pace / max(1, self.count("running"))


class StatusReader:
    """Reads how far a sweep is, again and again: what has not changed since is not read twice."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._entries: Mapping[str, Entry] = {}
        self._manifest: Stamp = ()
        self._jobs: dict[str, tuple[tuple[Any, ...], JobStatus]] = {}

    def read(self) -> SweepStatus:
        """How far the sweep is now.

        Raises:
            UserError: the folder holds no sweep.
        """
        if not self.folder.is_dir():
            raise UserError(f"{self.folder} is not a folder: give one such as outputs/sweeps/<sweep>")
        manifest = _stamp(self.folder / MANIFEST)
        if manifest != self._manifest or not self._entries:
            self._entries, self._manifest = Manifest(self.folder).jobs, manifest
        if not manifest and not self._entries:
            raise UserError(f"{self.folder} holds no sweep: give a folder such as outputs/sweeps/<sweep>")
        jobs = tuple(self._job(name, entry) for name, entry in self._entries.items())
        return SweepStatus(folder=self.folder, jobs=jobs)

    def _job(self, name: str, entry: Entry) -> JobStatus:
        folder = self.folder / name
        stamps = _stamp(folder / "record.json"), _stamp(folder / "metrics.csv"), entry.error
        known = self._jobs.get(name)
        # a lock leaves no trace in files: of a job that trains it is asked each time
        if known is not None and known[0] == stamps and known[1].status != "running":
            return known[1]
        job = _read_job(folder, entry)
        self._jobs[name] = stamps, job
        return job


def _stamp(file: Path) -> Stamp:
    """What changes whenever a file is written anew or grows; empty where there is none."""
    try:
        found = file.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read_job(folder: Path, entry: Entry) -> JobStatus:
    directory = RunDirectory(folder)
    status, steps, max_steps, seconds, value, error = LEFT, 0, 0, 0.0, None, entry.error
    try:
        if directory.begun():
            record = directory.read_record()
            status, error = record.status, record.error or stop_told(record).strip() or None
            max_steps, metric = _asked(directory)
            steps, seconds = record.steps, record.wall_seconds
            if status not in ENDED and directory.metrics_file.exists():  # the record may be older
                last = read_last_row(directory.metrics_file)
                steps, seconds = max(steps, int(last.get("step", 0))), max(seconds, last.get("seconds", 0.0))
            value = record.final.get(metric)
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


def _asked(directory: RunDirectory) -> tuple[int, str]:
    """trainer.max_steps and optimized_metric of config.yaml, by their lines where it is as we write it.

    To read the whole of it takes fifty times as long.
    """
    try:
        text = read_regular(directory.config_file, at_most=AT_MOST_CONFIG_BYTES).decode("utf-8")
    except (OSError, ValueError):
        text = ""
    steps, metric = MAX_STEPS.search(text), METRIC.search(text)
    if steps is not None and metric is not None:
        return int(steps[1]), metric[1]
    config = directory.read_config()
    return config.get("trainer", {}).get("max_steps", 0), config.get("optimized_metric", "")
