"""What the launchers of clusters share: each hands its jobs to a launcher plugin of Hydra's."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import TYPE_CHECKING, Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher as HydraLauncher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from tuneformer.config.open_options import with_added_settings
from tuneformer.sweeps.job import Ended, Job

if TYPE_CHECKING:
    from tuneformer.errors import UserError
    from tuneformer.sweeps.preflight.examined import Examined

SECONDS_BETWEEN_LOOKS = 0.05

Waiting = Mapping[Future[JobReturn], Job]


class PluginLauncher(ABC):
    """Jobs by the launcher plugin that `hydra/launcher` names; a thread waits for each.

    A plugin gives the results of all the jobs that it is handed, or of none, and only then. So it is handed
    one at a time: a job that dies takes no other's result with it, and a search hears of each as it ends.
    """

    _hydra: HydraContext
    _master: DictConfig

    def __init__(self) -> None:
        self.handed_over = threading.Event()
        """Set once the cluster has taken over the job that is being launched."""

    def setup(self, hydra: HydraContext, master: DictConfig) -> None:
        """Takes what Hydra gives to its launchers; `master` is the configuration of the sweep."""
        self._hydra, self._master = hydra, master

    @abstractmethod
    def at_a_time(self) -> int:
        """Jobs that are with the plugin at the same time."""

    @abstractmethod
    def options(self, job: Job) -> Mapping[str, Any]:
        """The settings of hydra.launcher that depend on the job."""

    @abstractmethod
    def task(self, job: Job) -> TaskFunction:
        """What the cluster calls; it returns the job's error in one line, or None."""

    @abstractmethod
    def reason(self, error: Exception) -> str:
        """In one line, why the plugin has no result of a job."""

    @abstractmethod
    def stop(self, waiting: Waiting) -> None:
        """Asks these jobs to write their checkpoints and end, and ends those that do not."""

    def examine(self, jobs: Sequence[Job], *, timed: bool) -> "list[Examined | UserError]":
        """Built here; time and memory of this machine say nothing about the cluster's."""
        from tuneformer.sweeps.preflight.examine import examine

        return examine([job.config for job in jobs], timed=False, trained_here=False)

    def run(self, jobs: Iterator[Job | None]) -> Generator[Ended, None, None]:
        """See `Launcher`."""
        waiting: dict[Future[JobReturn], Job] = {}
        try:
            while True:
                while len(waiting) < self.at_a_time() and (job := next(jobs, None)) is not None:
                    self.handed_over.clear()
                    future = _in_a_thread(self._plugin(job), job)
                    waiting[future] = job
                    self._wait_until_handed_over(future)
                if not waiting:
                    return
                for done in wait(waiting, return_when=FIRST_COMPLETED).done:
                    yield self._end(waiting.pop(done), done)
        finally:
            self.stop(waiting)

    def _wait_until_handed_over(self, future: Future[JobReturn]) -> None:
        """So that jobs get into the cluster's queue in the order of the sweep."""
        while not self.handed_over.wait(SECONDS_BETWEEN_LOOKS) and not future.done():
            pass

    def _plugin(self, job: Job) -> HydraLauncher:
        # hydra.launcher may refer to any setting of the job
        config = OmegaConf.create(
            {**job.config, "hydra": OmegaConf.to_container(job.hydra, resolve=False, enum_to_str=False)}
        )
        config.hydra.launcher = OmegaConf.merge(config.hydra.launcher, self.options(job))
        made = {"hydra_context": self._hydra, "task_function": self.task(job)}
        plugin = Plugins.instance().instantiate_launcher(config=config, **made)
        # Hydra composes each job once more, and refuses one whose hydra.launcher is not the sweep's
        plugin.setup(config=self._master, **made)
        return plugin

    def _end(self, job: Job, done: Future[JobReturn]) -> Ended:
        try:
            return Ended(job=job, error=done.result().return_value)
        except Exception as error:  # whatever the plugin met: the other jobs go on
            return Ended(job=job, lost=self.reason(error))


def _in_a_thread(plugin: HydraLauncher, job: Job) -> Future[JobReturn]:
    """The job's return value, once it has ended. Its thread is a daemon: if stuck, it holds nobody up."""
    future = Future[JobReturn]()

    def wait_for_it() -> None:
        try:
            future.set_result(plugin.launch([with_added_settings(job.overrides)], initial_job_idx=0)[0])
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=wait_for_it, name=job.name, daemon=True).start()
    return future
