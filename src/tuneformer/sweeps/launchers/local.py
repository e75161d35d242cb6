"""Several jobs at a time on this machine, each in a process of its own."""

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tuneformer.config.plain import Config
from tuneformer.config.ranges import CORES
from tuneformer.config.registry import target_modules
from tuneformer.config.setting import Setting
from tuneformer.errors import UserError
from tuneformer.runs.directory import RunDirectory
from tuneformer.sweeps.job import Ended, Job
from tuneformer.sweeps.launchers.remote_job import LOGS
from tuneformer.sweeps.launchers.shares import Share, deal, devices_of
from tuneformer.sweeps.launchers.worker import SECONDS_TO_SAVE, work

if TYPE_CHECKING:
    from tuneformer.sweeps.preflight.examined import Examined


KILLED = "killed by signal {}"
SERVER_LOST = 255
"""What multiprocessing gives as the exit status of a process whose forkserver was killed."""
LOADED_BEFORE = [
    "tuneformer.sweeps.launchers.lean",
    "torch",
    "pytorch_lightning",
    "hydra",
    "tuneformer.cli.command_line",
    "tuneformer.training.run",
    "tuneformer.sweeps.launchers.worker",
]
UNKNOWN_JOBS = ["pytorch_optimizer"]
"""What jobs may need that were not checked beforehand; of those that were, what they name is loaded."""


class LocalLauncher:
    """A process a job, forked from one that has torch and Lightning loaded; `n_jobs` at a time.

    A job that is killed, whatever by, ends alone. When the launcher is interrupted or dies its jobs
    write their checkpoints and end. What a job prints goes to <sweep>/logs/<job>.log.
    """

    def __init__(
        self,
        *,
        n_jobs: Annotated[
            int | None,
            Setting(
                "jobs at a time",
                CORES,
                null="one for each GPU, or for each core where there are none, over trainer.devices",
            ),
        ],
    ) -> None:
        self.n_jobs = n_jobs
        self._devices = 1
        self._shares: list[Share] | None = None
        load_before_forking(UNKNOWN_JOBS)

    def check(self, configs: Sequence[Config]) -> None:
        """Raises UserError if the jobs ask for more GPUs than there are."""
        self._devices = max(map(devices_of, configs), default=1)
        named = set[str]().union(*map(target_modules, configs))
        load_before_forking(sorted(named))
        self.shares()

    def at_a_time(self) -> int:
        """See `Launcher`."""
        return len(self.shares())

    def examine(self, jobs: Sequence[Job], *, timed: bool) -> "list[Examined | UserError]":
        """In a process like those of the jobs; torch is not loaded in this one."""
        return in_child(_examine, [job.config for job in jobs], timed, self.shares()[0], dict(os.environ))

    def shares(self) -> list[Share]:
        """What each of the jobs that run at a time may use."""
        if self._shares is not None:
            return list(self._shares)
        known = hasattr(os, "sched_getaffinity")
        cores = sorted(os.sched_getaffinity(0)) if known else list(range(os.cpu_count() or 1))
        self._shares = deal(n_jobs=self.n_jobs, cores=cores, gpus=visible_gpus(), devices=self._devices)
        return list(self._shares)

    def run(self, jobs: Iterator[Job | None]) -> Generator[Ended, None, None]:
        """See `Launcher`."""
        free, running = self.shares(), list[_Running]()
        try:
            while True:
                while free and (job := next(jobs, None)) is not None:
                    running.append(_start(job, free.pop(0)))
                if not running:
                    return
                connection.wait([each.process.sentinel for each in running])
                for each in [each for each in running if not each.process.is_alive()]:
                    running.remove(each)
                    free.append(each.share)
                    yield each.end()
        finally:
            _stop(running)


def forkserver() -> ForkServerContext:
    """Processes forked from one that has loaded what a run needs."""
    return multiprocessing.get_context("forkserver")


def load_before_forking(modules: Sequence[str]) -> None:
    """What the first process that is asked for, and so all of them, has loaded besides LOADED_BEFORE."""
    forkserver().set_forkserver_preload([*LOADED_BEFORE, *modules])


def in_child(function: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a call in a process of its own, which has torch loaded.

    Raises:
        RuntimeError: the process died.
    """
    context = forkserver()
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(writer, function, arguments))
    process.start()
    writer.close()
    with reader:
        try:
            return reader.recv()
        except EOFError as error:
            process.join()
            raise RuntimeError(f"{function.__name__} ended with status {process.exitcode}") from error
        finally:
            process.join()


def _answer(writer: connection.Connection, function: Callable[..., Any], arguments: Sequence[Any]) -> None:
    writer.send(function(*arguments))


def visible_gpus() -> list[str]:
    """The GPUs that torch sees, as CUDA_VISIBLE_DEVICES names them."""
    number = in_child(_count_gpus, dict(os.environ))
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return named.split(",")[:number] if named else [str(index) for index in range(number)]


def _count_gpus(environment: Mapping[str, str]) -> int:
    import torch

    os.environ.update(environment)
    return torch.cuda.device_count()


def _examine(
    configs: Sequence[Config], timed: bool, share: Share, environment: Mapping[str, str]
) -> "list[Examined | UserError]":
    from tuneformer.sweeps.preflight.examine import examine

    share.take(environment)
    return examine(configs, timed=timed)


@dataclass(frozen=True, kw_only=True)
class _Running:
    job: Job
    share: Share
    process: ForkServerProcess
    answer: Any  # the reading end of a pipe

    def end(self) -> Ended:
        """How the job ended, once its process has; nothing of it is left."""
        status = self.process.exitcode or 0
        assert self.process.pid is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            # its other ranks, or itself where it outlived the process that it was forked from
            os.killpg(self.process.pid, signal.SIGKILL)
        with self.answer:
            try:
                return Ended(job=self.job, error=self.answer.recv())
            except EOFError:
                pass
        if status - 128 in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            return Ended(job=self.job, lost=KILLED.format(status - 128))
        if status in (SERVER_LOST, 0) or status < 0:
            return Ended(job=self.job, lost=KILLED.format(-status if status < 0 else signal.SIGKILL.value))
        return Ended(job=self.job, error=f"its process ended with status {status}: {_log_of(self.job)}")


def _start(job: Job, share: Share) -> _Running:
    _wait_until_free(job)
    context = forkserver()
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(job, share, dict(os.environ), _log_of(job), writer))
    process.start()
    writer.close()
    return _Running(job=job, share=share, process=process, answer=reader)


def _log_of(job: Job) -> Path:
    return job.folder.parent / LOGS / f"{job.name}.log"


def _wait_until_free(job: Job) -> None:
    """A launcher that died may have left a process that is still writing its checkpoint."""
    until = time.monotonic() + SECONDS_TO_SAVE + 5
    while RunDirectory(job.folder).held() and time.monotonic() < until:
        time.sleep(0.1)


def _stop(running: Sequence[_Running]) -> None:
    """Asks all jobs to write their checkpoints and end, and ends those that do not."""
    for each in running:
        each.process.terminate()
    until = time.monotonic() + SECONDS_TO_SAVE
    for each in running:
        each.process.join(max(0.0, until - time.monotonic()))
        each.end()
