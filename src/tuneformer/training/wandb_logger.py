"""A Weights & Biases run in the run directory.

Not Lightning's logger: that one imports and starts W&B before the first step, which takes as long as
half of torch's own import. Here an offline run is started beside the first steps.
"""

from argparse import Namespace
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from lightning_fabric.utilities.rank_zero import rank_zero_only
from pytorch_lightning.loggers.logger import Logger

from tuneformer.errors import UserError
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.record import ENDED, run_identifier
from tuneformer.terminal import say

Config = dict[str, Any]

STEP = "trainer/step"


class WandbRunLogger(Logger):
    """One W&B run, on the axis trainer/step (optimizer steps done).

    Its id derives from the run directory, so that a restart appends. In a sweep each job is a run of
    its own, grouped by the sweep. Offline it starts in the background with the first row that is
    logged, and rows wait until it is there; online it starts at once.

    Raises:
        UserError: online, and nobody is logged in or the server cannot be reached.
    """

    def __init__(
        self, *, mode: str, project: str, entity: str | None, directory: RunDirectory, run_config: Config
    ) -> None:
        super().__init__()
        if find_spec("wandb") is None:
            raise ModuleNotFoundError("wandb")
        self._settings = {
            "dir": str(directory.path),
            "id": run_identifier(directory.path),
            "resume": "allow",
            "mode": mode,
            "project": project,
            "entity": entity,
            "name": run_config["name"],
            "group": run_config["sweep"],
            "job_type": "train",
            "tags": list(run_config["tags"]),
            "notes": run_config["notes"] or None,
            "config": run_config,
        }
        self._starting: Future[Any] | None = None
        self._waiting: list[dict[str, float]] = []
        self._failed = False
        if mode == "online" and rank_zero_only.rank == 0:  # pyright: ignore[reportFunctionMemberAccess]
            self.run()

    @property
    def name(self) -> str:
        return self._settings["project"]

    @property
    def version(self) -> str:
        return self._settings["id"]

    def run(self) -> Any:
        """The W&B run, once it has started; on rank 0 only."""
        self._start()
        assert self._starting is not None
        return self._starting.result()

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self._start()
        self._waiting.append({**metrics, STEP: (step or 0) + 1})
        if self._starting is not None and self._starting.done():
            self._log_waiting()

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """The run's configuration has them."""

    @rank_zero_only
    def save(self) -> None:
        if self._waiting:
            self._log_waiting()

    @rank_zero_only
    def close(self, status: str, summary: Mapping[str, Any]) -> None:
        """Ends the W&B run: exit status 0 if it finished, diverged or was pruned, else 1."""
        self._log_waiting()
        if self._failed:
            return
        run = self.run()
        run.summary.update({"status": status, **summary})
        run.finish(exit_code=0 if status in ENDED else 1)
        self._starting = None

    def _start(self) -> None:
        if self._starting is None:
            starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="wandb-start")
            self._starting = starter.submit(_start_run, self._settings)
            starter.shutdown(wait=False)

    def _log_waiting(self) -> None:
        rows, self._waiting = self._waiting, []
        if self._failed:
            return
        try:
            run = self.run()
            for row in rows:
                run.log(row)
        except Exception as error:  # a dashboard that breaks must not end a run that trains
            self._failed = True
            say(f"logger=wandb has stopped: {error}; metrics.csv goes on")


def _start_run(settings: Config) -> Any:
    import wandb  # heavy: only a run that logs to it pays for it

    online = settings["mode"] == "online"
    try:
        with _without_launch_inputs():
            run = wandb.init(**settings, settings=wandb.Settings(silent=not online, console="off"))
    except wandb.Error as error:
        reason = str(error).strip().splitlines()[0]
        mode = settings["mode"]
        raise UserError(
            f"logger.wandb.mode={mode} is not possible: {reason} (wandb login, or mode=offline)"
        ) from error
    run.define_metric(STEP)
    run.define_metric("*", step_metric=STEP, step_sync=True)
    return run


@contextmanager
def _without_launch_inputs() -> Iterator[None]:
    """W&B loads its job launcher into every run (a third of a second) for inputs that nothing here stages."""
    from wandb.sdk.wandb_run import Run

    name = "_detect_and_apply_job_inputs"
    original = getattr(Run, name, None)
    if original is None:
        yield
        return
    setattr(Run, name, lambda _: None)
    try:
        yield
    finally:
        setattr(Run, name, original)
