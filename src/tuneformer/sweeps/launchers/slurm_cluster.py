"""Jobs on a SLURM cluster, each a batch job by submitit."""

import os
import re
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from omegaconf import DictConfig

from tuneformer.config.plain import Config
from tuneformer.config.ranges import CORES, GPUS, MACHINES, whole
from tuneformer.config.setting import Setting
from tuneformer.errors import UserError
from tuneformer.sweeps.job import Job
from tuneformer.sweeps.launchers.plugin import PluginLauncher, Waiting
from tuneformer.sweeps.launchers.remote_job import RemoteJob, remote
from tuneformer.sweeps.launchers.shares import devices_of

DEFAULT = "the cluster's default"
A_DAY, A_YEAR = whole(1, 86_400), whole(1, 365 * 24 * 60)  # in seconds, in minutes
SECONDS_TO_SAVE = 60.0
SECONDS_BETWEEN_LOOKS = 2.0
_NO_RESULT = re.compile(r"Job (\S+) .*\(state: (\w+)\)", re.DOTALL)
_RULE = re.compile(r"\n-{10,}\n")


class SlurmLauncher(PluginLauncher):
    """A batch job for each job; nodes and tasks follow from trainer.num_nodes and trainer.devices.

    Before its time is over, or when it is pre-empted, a job writes a checkpoint and is queued again, up to
    `max_requeues` times. All nodes share the file system.
    """

    def __init__(
        self,
        *,
        n_jobs: Annotated[int, Setting("jobs in the queue at a time", MACHINES)],
        partition: Annotated[str | None, Setting("as sbatch knows it", null=DEFAULT)],
        account: Annotated[str | None, Setting("as sbatch knows it", null=DEFAULT)],
        qos: Annotated[str | None, Setting("as sbatch knows it", null=DEFAULT)],
        constraint: Annotated[str | None, Setting("features that a node must have", null="none")],
        timeout_min: Annotated[
            int,
            Setting("how long a job may run; then it is queued again and goes on", A_YEAR, unit="minutes"),
        ],
        signal_delay_s: Annotated[
            int, Setting("how long before that it writes its checkpoint", A_DAY, unit="seconds")
        ],
        max_requeues: Annotated[int, Setting("times that a job may be queued again", whole(0, 10**6))],
        cpus_per_task: Annotated[int, Setting("cores of each process, and its torch threads at most", CORES)],
        gpus_per_node: Annotated[
            int | None,
            Setting(
                "GPUs of a job on each of its nodes",
                GPUS,
                null="trainer.devices where the partition has any",
            ),
        ],
        mem_gb: Annotated[
            int | None, Setting("memory of each node", whole(1, 10**6), unit="GB", null=DEFAULT)
        ],
    ) -> None:
        super().__init__()
        self.n_jobs = n_jobs
        self.partition = partition
        self.cpus_per_task = cpus_per_task
        self.gpus_per_node = gpus_per_node
        self._has_gpus = False
        self._name = f"tuneformer-{uuid.uuid4().hex[:8]}"  # by which its jobs are found in the queue
        asked = {
            "name": self._name,
            "partition": partition,
            "account": account,
            "qos": qos,
            "constraint": constraint,
            "timeout_min": timeout_min,
            "signal_delay_s": signal_delay_s,
            "max_num_timeout": max_requeues,
            "cpus_per_task": cpus_per_task,
            "mem_gb": mem_gb,
        }
        self._asked = {name: value for name, value in asked.items() if value is not None}

    def check(self, configs: Sequence[Config]) -> None:
        """UserError if submitit or SLURM is not installed, not to be reached, or has no such partition."""
        try:
            import submitit
        except ModuleNotFoundError as error:
            raise UserError(
                "launcher=slurm needs the package submitit: pip install 'tuneformer[slurm]'"
            ) from error
        from tuneformer.sweeps.launchers.slurm_queue import QueueWatcher, partitions

        if shutil.which("sbatch") is None:
            raise UserError("launcher=slurm needs the program sbatch: apt-get install slurm-client")
        known = partitions()
        if self.partition is not None and self.partition not in known:
            there = ", ".join(filter(None, known))
            raise UserError(f"launcher.partition={self.partition} is not a partition: there are {there}")
        self._has_gpus = known.get(self.partition, False)
        submitit.SlurmJob.watcher = QueueWatcher(handed_over=self.handed_over)  # pyright: ignore[reportAttributeAccessIssue]

    def at_a_time(self) -> int:
        """The jobs that are queued at a time: how many of them run is the cluster's decision."""
        return self.n_jobs

    def options(self, job: Job) -> Mapping[str, Any]:
        """What was asked for, and the shape of the job."""
        devices, gpus, own = devices_of(job.config), self.gpus_per_node, job.hydra.launcher
        if gpus is None and self._has_gpus and not (own.gres or own.gpus_per_task):
            gpus = devices
        return {
            **self._asked,
            **({} if gpus is None else {"gpus_per_node": gpus}),
            "submitit_folder": str(job.folder.parent.resolve() / "slurm" / "%j"),
            "nodes": job.config["trainer"]["num_nodes"],
            "tasks_per_node": devices,
        }

    def task(self, job: Job) -> "SlurmTask":
        """Trains, and is queued again before its time is over."""
        return SlurmTask(remote(job, cores=self.cpus_per_task))

    def reason(self, error: Exception) -> str:
        """The state in which the batch job ended, what sbatch said, or the last line of what went wrong."""
        if found := _NO_RESULT.match(str(error)):
            return f"SLURM job {found[1]} ended: {found[2]}"
        lines = [line.strip() for line in _trace_of(error).splitlines() if line.strip()]
        refusals = [line for line in lines if line.startswith("sbatch: ")]
        return (refusals or [f"SLURM: {line}" for line in lines[-1:]] or [type(error).__name__])[0]

    def stop(self, waiting: Waiting) -> None:
        """Asks the jobs to write their checkpoints and end, and ends those that do not."""
        if not waiting:
            return
        told: set[str] = set()
        until = time.monotonic() + SECONDS_TO_SAVE
        while time.monotonic() < until:
            # a job that waits in the queue has nothing to save
            _cancel("--state=PENDING", f"--name={self._name}")
            time.sleep(SECONDS_BETWEEN_LOOKS)  # one may be on its way into the queue
            left = self._left()
            if not left:
                return
            if left - told:
                _cancel("--signal=INT", *sorted(left - told))
            told |= left
        _cancel(f"--name={self._name}")

    def _left(self) -> set[str]:
        from tuneformer.sweeps.launchers.slurm_queue import ask

        return set(ask("squeue", "--me", "--noheader", f"--name={self._name}", "--format=%i").split())


class SlurmTask:
    """What a batch job does: it trains a job."""

    def __init__(self, job: RemoteJob) -> None:
        self.job = job

    def __call__(self, _: DictConfig) -> str | None:
        """Trains; a run that stopped for the signal before the end of its time hands it on to submitit."""
        try:
            return self.job.train()
        except SystemExit as ended:
            if ended.code == 128 + signal.SIGUSR2:
                os.kill(os.getpid(), signal.SIGUSR2)
                time.sleep(SECONDS_TO_SAVE)  # submitit queues the job again, and ends this process
            raise


def _cancel(*arguments: str) -> None:
    subprocess.run(["scancel", *arguments], capture_output=True, check=False)


def _trace_of(error: Exception) -> str:
    """What submitit quotes between two rules, or else the whole."""
    parts = _RULE.split(str(error))
    return parts[1] if len(parts) > 1 else parts[0]
