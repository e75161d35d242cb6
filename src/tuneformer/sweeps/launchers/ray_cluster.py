"""Jobs on a Ray cluster, or on this machine as one."""

import logging
import signal
import socket
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tuneformer.errors import UserError
from tuneformer.sweeps.job import Config, Ended, Job
from tuneformer.sweeps.launchers.local import KILLED
from tuneformer.sweeps.launchers.remote_job import RemoteJob, remote

if TYPE_CHECKING:
    from tuneformer.sweeps.preflight.examined import Examined

SECONDS_TO_ANSWER = 10.0
SECONDS_TO_SAVE = 60.0


class RayLauncher:
    """Each job is a Ray task with its share of CPUs and GPUs; a worker or node that dies loses its job alone.

    All nodes share the file system, so that a job's run directory is the same everywhere.
    """

    def __init__(
        self, *, address: str | None, n_jobs: int | None, cpus_per_job: int, gpus_per_job: int | None
    ) -> None:
        self.address = address
        self.n_jobs = n_jobs
        self.cpus_per_job = cpus_per_job
        self.gpus_per_job = gpus_per_job
        self._devices = 1

    def check(self, configs: Sequence[Config]) -> None:
        """Connects; UserError if Ray is not installed, not to be reached, or too small for a job."""
        wanted = [config["trainer"]["devices"] for config in configs]
        self._devices = max((number for number in wanted if isinstance(number, int)), default=1)
        self._connect()
        if self._room() < 1:
            raise UserError(
                f"launcher.cpus_per_job={self.cpus_per_job} x trainer.devices={self._devices} is more than"
                f" the {self._resource('CPU'):g} CPUs of the Ray cluster"
            )

    def at_a_time(self) -> int:
        """What was asked for, or what there is room for."""
        return self.n_jobs or max(1, self._room())

    def examine(self, jobs: Sequence[Job], *, timed: bool) -> "list[Examined | UserError]":
        """Built here; time on this machine says nothing about the cluster's, and is not taken."""
        from tuneformer.sweeps.preflight.examine import examine

        return examine([job.config for job in jobs], timed=False)

    def run(self, jobs: Iterator[Job | None]) -> Generator[Ended, None, None]:
        """See `Launcher`."""
        import ray

        self._connect()
        running: dict[Any, Job] = {}
        try:
            while True:
                while len(running) < self.at_a_time() and (job := next(jobs, None)) is not None:
                    running[self._start(job)] = job
                if not running:
                    return
                for done in ray.wait(list(running), num_returns=1)[0]:
                    yield _end(running.pop(done), done)
        finally:
            for task in running:
                ray.cancel(task)  # as Ctrl-C: it writes a checkpoint
            if running:
                ray.wait(list(running), num_returns=len(running), timeout=SECONDS_TO_SAVE)
            ray.shutdown()

    def _start(self, job: Job) -> Any:
        import ray

        devices = job.config["trainer"]["devices"]
        devices = devices if isinstance(devices, int) else 1
        gpus = self.gpus_per_job
        if gpus is None:
            gpus = devices if self._resource("GPU") else 0
        options = ray.remote(num_cpus=self.cpus_per_job * devices, num_gpus=gpus, max_retries=0, max_calls=1)
        return options(_train).remote(remote(job, cores=self.cpus_per_job))

    def _connect(self) -> None:
        try:
            import ray
        except ModuleNotFoundError as error:
            raise UserError("launcher=ray needs the package ray: pip install 'tuneformer[ray]'") from error
        if ray.is_initialized():
            return
        if self.address is not None and self.address != "auto":
            _check_answers(self.address)  # Ray itself would try for minutes
        try:
            ray.init(address=self.address, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise UserError(f"launcher.address={self.address} cannot be reached: {reason}") from error

    def _room(self) -> int:
        return int(self._resource("CPU") // (self.cpus_per_job * self._devices))

    def _resource(self, name: str) -> float:
        import ray

        return float(ray.cluster_resources().get(name, 0.0))


def _check_answers(address: str) -> None:
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdigit()):
        raise UserError(f"launcher.address={address} must be host:port")
    try:
        socket.create_connection((host, int(port)), timeout=SECONDS_TO_ANSWER).close()
    except OSError as error:
        raise UserError(f"launcher.address={address} cannot be reached: {error}") from error


def _train(job: RemoteJob) -> str | None:
    return job.train()


def _end(job: Job, task: Any) -> Ended:
    import ray
    from ray.exceptions import NodeDiedError, RayError, TaskCancelledError

    try:
        return Ended(job=job, error=ray.get(task))
    except NodeDiedError:
        return Ended(job=job, lost="its node died")
    except TaskCancelledError:
        return Ended(job=job, lost=KILLED.format(signal.SIGINT.value))
    except RayError as error:
        return Ended(job=job, lost=f"its worker died: {str(error).strip().splitlines()[0]}")
