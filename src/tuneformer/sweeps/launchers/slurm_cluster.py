"""Jobs on a SLURM cluster, each a batch job by submitit."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuneformer.errors import UserError
from tuneformer.sweeps.job import Config, Ended, Job
from tuneformer.sweeps.launchers.remote_job import RemoteJob, remote

if TYPE_CHECKING:
    from tuneformer.sweeps.preflight.examined import Examined

SECONDS_BETWEEN_LOOKS = 2.0
LOOKS_UNTIL_LOST = 5  # a shared file system may show a result a little late
SECONDS_TO_SAVE = 60.0
SECONDS_TO_ANSWER = 30.0


class SlurmLauncher:
    """A batch job for each job; nodes and tasks follow from trainer.num_nodes and trainer.devices.

    Before its time is over, or when it is pre-empted, a job writes a checkpoint and is queued again, up to
    `max_requeues` times. All nodes share the file system.
    """

    def __init__(
        self,
        *,
        n_jobs: int,
        partition: str | None,
        account: str | None,
        qos: str | None,
        constraint: str | None,
        timeout_min: int,
        signal_delay_s: int,
        max_requeues: int,
        cpus_per_task: int,
        gpus_per_node: int | None,
        mem_gb: int | None,
    ) -> None:
        self.n_jobs = n_jobs
        self.partition = partition
        self.cpus_per_task = cpus_per_task
        self.max_requeues = max_requeues
        self._asked = {
            "slurm_partition": partition,
            "slurm_account": account,
            "slurm_qos": qos,
            "slurm_constraint": constraint,
            "slurm_signal_delay_s": signal_delay_s,
            "timeout_min": timeout_min,
            "cpus_per_task": cpus_per_task,
            "gpus_per_node": gpus_per_node,
            "mem_gb": mem_gb,
        }

    def check(self, configs: Sequence[Config]) -> None:
        """UserError if submitit or SLURM is not installed, not to be reached, or has no such partition."""
        try:
            import submitit  # noqa: F401
        except ModuleNotFoundError as error:
            raise UserError(
                "launcher=slurm needs the package submitit: pip install 'tuneformer[slurm]'"
            ) from error
        if shutil.which("sbatch") is None:
            raise UserError("launcher=slurm needs the program sbatch: apt-get install slurm-client")
        partitions = [name.rstrip("*") for name in _ask("sinfo", "--noheader", "--format=%P").split()]
        if self.partition is not None and self.partition not in partitions:
            raise UserError(
                f"launcher.partition={self.partition} is not a partition: there are {', '.join(partitions)}"
            )

    def at_a_time(self) -> int:
        """The jobs that are queued at a time: how many of them run is the cluster's decision."""
        return self.n_jobs

    def examine(self, jobs: Sequence[Job], *, timed: bool) -> "list[Examined | UserError]":
        """Built here; time on this machine says nothing about the cluster's, and is not taken."""
        from tuneformer.sweeps.preflight.examine import examine

        return examine([job.config for job in jobs], timed=False)

    def run(self, jobs: Iterator[Job | None]) -> Generator[Ended, None, None]:
        """See `Launcher`."""
        queued: list[_Queued] = []
        try:
            while True:
                while len(queued) < self.n_jobs and (job := next(jobs, None)) is not None:
                    queued.append(self._submit(job))
                if not queued:
                    return
                time.sleep(SECONDS_BETWEEN_LOOKS)
                alive = set(_ask("squeue", "--me", "--noheader", "--format=%i").split())
                for each in list(queued):
                    ended = each.look(alive)
                    if ended is not None:
                        queued.remove(each)
                        yield ended
        finally:
            _stop([each.batch_job.job_id for each in queued])

    def _submit(self, job: Job) -> "_Queued":
        import submitit

        executor = submitit.AutoExecutor(
            folder=job.folder.parent / "slurm" / "%j",
            cluster="slurm",
            slurm_max_num_timeout=self.max_requeues,
        )
        trainer = job.config["trainer"]
        devices = trainer["devices"] if isinstance(trainer["devices"], int) else 1
        shape = {"nodes": trainer["num_nodes"], "tasks_per_node": devices, "name": "tuneformer"}
        executor.update_parameters(
            **shape, **{name: value for name, value in self._asked.items() if value is not None}
        )
        return _Queued(job=job, batch_job=executor.submit(Task(remote(job, cores=self.cpus_per_task))))


class Task:
    """What a batch job does."""

    def __init__(self, job: RemoteJob) -> None:
        self.job = job

    def __call__(self) -> str | None:
        """Trains; a run that stopped for the signal before the end of its time hands it on to submitit."""
        try:
            return self.job.train()
        except SystemExit as ended:
            if ended.code == 128 + signal.SIGUSR2:
                os.kill(os.getpid(), signal.SIGUSR2)
                time.sleep(SECONDS_TO_SAVE)  # submitit queues the job again, and ends this process
            raise

    def checkpoint(self) -> Any:
        """What submitit queues again: the same, which goes on from its checkpoint."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


@dataclass(kw_only=True)
class _Queued:
    job: Job
    batch_job: Any
    missed: int = 0

    def look(self, alive: set[str]) -> Ended | None:
        """How the job ended; None while it is queued, runs, or may still show its result."""
        number = self.batch_job.job_id
        first = self.batch_job.task(0)  # the others help it
        if Path(first.paths.result_pickle).exists():
            outcome, value = first._get_outcome_and_result()
            if outcome == "success":
                return Ended(job=self.job, error=value)
            return Ended(job=self.job, lost=f"SLURM job {number}: {str(value).strip().splitlines()[-1]}")
        self.missed = 0 if number in alive else self.missed + 1
        if self.missed < LOOKS_UNTIL_LOST:
            return None
        return Ended(job=self.job, lost=f"SLURM job {number} ended: {_state(number)}")


def _ask(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_TO_ANSWER, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"launcher=slurm: the cluster cannot be reached: {error}") from error
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1]
        raise UserError(f"launcher=slurm: the cluster cannot be reached: {reason}")
    return done.stdout


def _state(number: str) -> str:
    try:
        shown = _ask("scontrol", "show", "job", number, "--oneliner")
    except UserError:
        return "no longer known"
    states = [word.partition("=")[2] for word in shown.split() if word.startswith("JobState=")]
    return states[0] if states else "no longer known"


def _stop(numbers: Sequence[str]) -> None:
    """Asks the jobs to write their checkpoints and end, and ends those that do not."""
    if not numbers:
        return
    # a job that waits in the queue has nothing to save
    subprocess.run(["scancel", "--state=PENDING", *numbers], capture_output=True, check=False)
    subprocess.run(["scancel", "--signal=INT", *numbers], capture_output=True, check=False)
    until = time.monotonic() + SECONDS_TO_SAVE
    while time.monotonic() < until:
        if not set(numbers) & set(_ask("squeue", "--me", "--noheader", "--format=%i").split()):
            return
        time.sleep(SECONDS_BETWEEN_LOOKS)
    subprocess.run(["scancel", *numbers], capture_output=True, check=False)
