"""What a SLURM cluster is asked: its partitions, and by submitit how its jobs do."""

import subprocess
import threading
import time

from submitit.core.core import InfoWatcher

from tuneformer.errors import UserError

SECONDS_TO_ANSWER = 30.0
SECONDS_BETWEEN_LOOKS = 2.0
LOOKS_UNTIL_ENDED = 3  # while a job is queued again it may be missing from one


def ask(*command: str) -> str:
    """What a program of SLURM prints.

    Raises:
        UserError: there is no such program, or the cluster does not answer.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_TO_ANSWER, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"launcher=slurm: the cluster cannot be reached: {error}") from error
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1]
        raise UserError(f"launcher=slurm: the cluster cannot be reached: {reason}")
    return done.stdout


def partitions() -> dict[str | None, bool]:
    """Whether each partition has GPUs; None stands for the one that jobs go to which name none."""
    has_gpus: dict[str | None, bool] = {}
    for line in ask("sinfo", "--noheader", "--format=%P|%G").split():
        name, _, resources = line.partition("|")
        for each in [name.rstrip("*"), *([None] if name.endswith("*") else [])]:
            has_gpus[each] = has_gpus.get(each, False) or "gpu" in resources
    return has_gpus


class QueueWatcher(InfoWatcher):
    """A job has ended when squeue has not shown it a few times in a row.

    submitit's own watcher asks sacct, which knows nothing where SLURM keeps no accounts, and every ten
    minutes at most. A cluster that does not answer for a while has ended no job.
    """

    def __init__(self, *, handed_over: threading.Event) -> None:
        super().__init__()
        self._handed_over = handed_over
        self._lock = threading.Lock()
        self._missed: dict[str, int] = {}
        self._looked = float("-inf")

    def register_job(self, job_id: str) -> None:
        """Begins to look for the job, which has just got into the queue."""
        with self._lock:
            self._missed[job_id] = 0
        self._handed_over.set()

    def is_done(self, job_id: str, mode: str = "standard") -> bool:
        """Whether the job has ended; `mode` "force" looks now, "cache" does not."""
        with self._lock:
            due = mode == "force" or time.monotonic() - self._looked > SECONDS_BETWEEN_LOOKS
            if due and mode != "cache":
                self._look()
            return self._missed[job_id] >= LOOKS_UNTIL_ENDED

    def get_state(self, job_id: str, mode: str = "standard") -> str:
        """SLURM's word for it; GONE where SLURM has forgotten the job."""
        try:
            shown = ask("scontrol", "show", "job", job_id, "--oneliner")
        except UserError:
            return "GONE"
        return next(
            (word.partition("=")[2] for word in shown.split() if word.startswith("JobState=")), "GONE"
        )

    def _look(self) -> None:
        try:
            shown = set(ask("squeue", "--me", "--noheader", "--format=%i").split())
        except UserError:
            return
        finally:
            self._looked = time.monotonic()
        left = {job: missed for job, missed in self._missed.items() if missed < LOOKS_UNTIL_ENDED}
        self._missed |= {job: 0 if job in shown else missed + 1 for job, missed in left.items()}
