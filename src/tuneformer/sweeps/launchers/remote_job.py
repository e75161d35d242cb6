"""A job on another machine of a cluster, which shares the file system with this one."""

import os
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tuneformer.process.lean_imports import keep_imports_lean
from tuneformer.process.unfailing_output import unfailing_output
from tuneformer.sweeps.job import Job
from tuneformer.training.core_share import OF_THREADS, take_share

LOGS = "logs"


@dataclass(frozen=True, kw_only=True)
class RemoteJob:
    """A job with what its process must know of the one that launched it."""

    job: Job
    folder: Path
    environment: Mapping[str, str]
    cores: int

    def train(self) -> str | None:
        """Trains it in this process, prints to <sweep>/logs/<job>.log; its error in one line, or None."""
        keep_imports_lean()
        from tuneformer.sweeps.launchers.train_job import train_job

        os.chdir(self.folder)
        take_share(self.cores, launched_from=self.environment)
        for name, value in self.environment.items():
            os.environ.setdefault(name, value)
        log = self.job.folder.parent / LOGS / f"{self.job.name}.log"
        with (
            _open_log(log) as file,
            redirect_stdout(file),
            redirect_stderr(file),
            unfailing_output(until_exit=True),
        ):
            return train_job(self.job)


def _open_log(log: Path) -> TextIO:
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        # not through a link: a sweep may have been received
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o666)
        return os.fdopen(descriptor, "a", encoding="utf-8")
    except OSError:  # a job trains without a log
        return Path(os.devnull).open("a", encoding="utf-8")


def remote(job: Job, *, cores: int) -> RemoteJob:
    """The job with what its process must know; each of its processes has `cores` cores."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(("TUNEFORMER", "WANDB"))}
    kept |= {name: os.environ[name] for name in OF_THREADS if name in os.environ}
    return RemoteJob(job=job, folder=Path.cwd(), environment=kept, cores=cores)
