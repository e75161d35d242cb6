"""Jobs on a Ray cluster, or on this machine as one."""

import asyncio
import logging
import os
import signal
import socket
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import wait
from typing import Annotated, Any

from omegaconf import DictConfig, OmegaConf

from tuneformer.config.plain import Config
from tuneformer.config.ranges import CORES, GPUS, MACHINES
from tuneformer.config.setting import Setting
from tuneformer.errors import UserError
from tuneformer.sweeps.job import Job
from tuneformer.sweeps.launchers.plugin import PluginLauncher, Waiting
from tuneformer.sweeps.launchers.remote_job import RemoteJob, remote
from tuneformer.sweeps.launchers.shares import devices_of

SECONDS_TO_ANSWER = 10.0
SECONDS_TO_SAVE = 60.0
SECONDS_BETWEEN_LOOKS = 1.0


class RayLauncher(PluginLauncher):
    """Each job is a Ray task with its share of CPUs and GPUs; a worker or node that dies loses its job alone.

    All nodes share the file system, so that a job's run directory is the same everywhere.
    """

    def __init__(
        self,
        *,
        address: Annotated[
            str | None,
            Setting(
                "of the head node, host:port",
                null="the cluster that runs on this machine, else this machine as one",
            ),
        ],
        n_jobs: Annotated[
            int | None, Setting("jobs at a time", MACHINES, null="as many as the cluster has CPUs for")
        ],
        cpus_per_job: Annotated[
            int, Setting("CPUs of each process of a job, and its torch threads at most", CORES)
        ],
        gpus_per_job: Annotated[
            int | None,
            Setting("GPUs of a job", GPUS, null="trainer.devices where the cluster has any"),
        ],
    ) -> None:
        super().__init__()
        self.address = address
        self.n_jobs = n_jobs
        self.cpus_per_job = cpus_per_job
        self.gpus_per_job = gpus_per_job
        self._devices = 1
        self._bell: Any = None

    def check(self, configs: Sequence[Config]) -> None:
        """Connects; UserError if Ray is not installed, not to be reached, or too small for a job."""
        self._devices = max(map(devices_of, configs), default=1)
        self._connect()
        cpus, gpus = self._share(self._devices)
        if cpus > _resource("CPU"):
            raise UserError(
                f"launcher.cpus_per_job={self.cpus_per_job} x trainer.devices={self._devices} is more than"
                f" the {_resource('CPU'):g} CPUs of the Ray cluster"
            )
        if gpus > _resource("GPU"):
            asked = "trainer.devices" if self.gpus_per_job is None else "launcher.gpus_per_job"
            raise UserError(f"{asked}={gpus} is more than the {_resource('GPU'):g} GPUs of the Ray cluster")

    def at_a_time(self) -> int:
        """What was asked for, or what there is room for."""
        return self.n_jobs or self._room()

    def options(self, job: Job) -> Mapping[str, Any]:
        """Its share of the cluster; no second attempt, and no second job in the same process."""
        cpus, gpus = self._share(devices_of(job.config))
        return {"ray": {"remote": {"num_cpus": cpus, "num_gpus": gpus, "max_retries": 0, "max_calls": 1}}}

    def task(self, job: Job) -> "RayTask":
        """Trains until it is done or the bell rings."""
        if self._bell is None:
            self._bell = _hang_up_bell()
        return RayTask(remote(job, cores=self.cpus_per_job), self._bell, handed_over=self.handed_over)

    def reason(self, error: Exception) -> str:
        """See `PluginLauncher`."""
        from ray.exceptions import NodeDiedError

        if isinstance(error, NodeDiedError):
            return "its node died"
        return f"its worker died: {str(error).strip().splitlines()[0]}"

    def stop(self, waiting: Waiting) -> None:
        """Rings; then leaves the cluster, which ends what is still there."""
        import ray

        if waiting:
            self._bell.ring.remote()
            wait(waiting, timeout=SECONDS_TO_SAVE)
        self._bell = None
        ray.shutdown()

    def _connect(self) -> None:
        try:
            import ray
        except ModuleNotFoundError as error:
            raise UserError("launcher=ray needs the package ray: pip install 'tuneformer[ray]'") from error
        if ray.is_initialized():
            return
        if self.address is not None and self.address != "auto":
            _check_answers(self.address)  # Ray itself would try for minutes
        options = OmegaConf.to_container(self._master.hydra.launcher.ray.init, resolve=True)
        assert isinstance(options, dict)
        quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
        asked = {str(name): value for name, value in options.items()}
        try:
            ray.init(**{**quiet, **asked, "address": self.address})
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise UserError(f"launcher.address={self.address} cannot be reached: {reason}") from error

    def _share(self, devices: int) -> tuple[int, int]:
        """CPUs and GPUs of a job with so many processes."""
        gpus = self.gpus_per_job
        if gpus is None:
            gpus = devices if _resource("GPU") else 0
        return self.cpus_per_job * devices, gpus

    def _room(self) -> int:
        cpus, gpus = self._share(self._devices)
        room = _resource("CPU") // cpus
        return int(min(room, _resource("GPU") // gpus) if gpus else room)


class RayTask:
    """What a Ray worker does: it trains a job, until the bell rings or is gone.

    `ray.cancel` would need what the plugin keeps to itself.
    """

    def __init__(self, job: RemoteJob, bell: Any, *, handed_over: threading.Event | None = None) -> None:
        self.job = job
        self.bell = bell
        self._handed_over = handed_over

    def __reduce__(self) -> tuple[type["RayTask"], tuple[RemoteJob, Any]]:
        """Ray pickles it as it takes it over."""
        if self._handed_over is not None:
            self._handed_over.set()
        return RayTask, (self.job, self.bell)

    def __call__(self, _: DictConfig) -> str | None:
        """Trains."""
        ended = threading.Event()
        listener = threading.Thread(target=self._listen, args=(ended,), daemon=True)
        listener.start()
        try:
            return self.job.train()
        finally:
            ended.set()
            listener.join()

    def _listen(self, ended: threading.Event) -> None:
        import ray

        rung = self.bell.wait_for_ring.remote()
        while not ended.is_set():
            if ray.wait([rung], timeout=SECONDS_BETWEEN_LOOKS)[0]:
                os.kill(os.getpid(), signal.SIGTERM)  # workers are deaf to SIGINT
                return


class Bell:
    """An actor that all tasks of a sweep listen to."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    async def ring(self) -> None:
        """Calls all who wait."""
        self._rung.set()

    async def wait_for_ring(self) -> None:
        """Returns once it has rung."""
        await self._rung.wait()


def _hang_up_bell() -> Any:
    """On this node, since one that dies must not take the bell with it."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    bell = ray.remote(Bell).options(num_cpus=0, max_concurrency=10_000, scheduling_strategy=here)
    return bell.remote()


def _resource(name: str) -> float:
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
