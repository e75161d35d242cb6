"""The process of one job: its share of the machine, its own log, and an end when its launcher ends."""

import gc
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Mapping
from multiprocessing import connection
from pathlib import Path

from tuneformer.process.leaving import hear_signals
from tuneformer.sweeps.job import Job
from tuneformer.sweeps.launchers.shares import Share
from tuneformer.sweeps.launchers.train_job import train_job

SECONDS_TO_SAVE = 60.0
"""What a job has to write its checkpoint once it is asked to stop."""


def work(
    job: Job, share: Share, environment: Mapping[str, str], log: Path, answer: connection.Connection
) -> None:
    """Trains the job and sends its error, or None."""
    gc.freeze()  # else each collection would copy the pages of all that was loaded before the fork
    os.setsid()  # the launcher hears Ctrl-C and tells its jobs
    hear_signals()
    threading.Thread(target=_end_with_launcher, daemon=True).start()
    share.take(environment)
    _print_to(log)
    answer.send(train_job(job))


def _end_with_launcher() -> None:
    launcher = multiprocessing.parent_process()
    assert launcher is not None
    connection.wait([launcher.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)  # it writes a checkpoint
    time.sleep(SECONDS_TO_SAVE)
    os.killpg(0, signal.SIGKILL)


def _print_to(log: Path) -> None:
    try:
        log.parent.mkdir(exist_ok=True)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW)
    except OSError:  # a job trains without a log
        descriptor = os.open(os.devnull, os.O_WRONLY)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
