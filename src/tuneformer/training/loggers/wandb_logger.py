"""A Weights & Biases run in the run directory.

Not Lightning's logger: that one imports and starts W&B before the first step, which takes as long as
half of torch's own import. Here an offline run is started beside the first steps.
"""

import time
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from lightning_fabric.utilities.rank_zero import rank_zero_only

from tuneformer.config.compose import chosen_options
from tuneformer.config.plain import Config
from tuneformer.errors import UserError
from tuneformer.process.terminal import say
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.metrics_file import rows_upto
from tuneformer.runs.record import ENDED, STOPPED, run_identifier
from tuneformer.runs.wandb_places import folder_of, offline_files
from tuneformer.tasks.lookup import task_of
from tuneformer.training.loggers.offline_wandb import last_offline_step
from tuneformer.training.loggers.open_step import OpenStep, RunLogger, steps_done
from tuneformer.training.loggers.wandb_entries import (
    AXES,
    STEP,
    Entry,
    Picture,
    Sheet,
    StepMetrics,
    log_files,
)
from tuneformer.training.loggers.wandb_environment import described

LABELLED = ("optimizer", "scheduler", "attention")


class WandbRunLogger(RunLogger):
    """One W&B run, on the axis trainer/step (optimizer steps done).

    Its id derives from the run directory, so that a restart appends. In a sweep each job is a run of
    its own, grouped by the sweep. Offline it starts in the background with the first row that is
    logged, and rows wait until it is there; online it starts at once. A row waits for its step to be over,
    and one that W&B has from an earlier attempt is not logged again: each step is there once. What a kill
    kept from W&B is logged from metrics.csv, up to `first_step`, behind which the run goes on. At its end
    it takes the record as an artifact, and with `log_checkpoints` last.ckpt and best.ckpt as another.

    Raises:
        UserError: online, and nobody is logged in or the server cannot be reached.
    """

    def __init__(
        self,
        *,
        mode: str,
        project: str | None,
        entity: str | None,
        log_checkpoints: bool,
        directory: RunDirectory,
        run_config: Config,
        first_step: int,
    ) -> None:
        super().__init__()
        if find_spec("wandb") is None:
            raise ModuleNotFoundError("wandb")
        self._settings = {
            "dir": str(folder_of(directory.path)),  # absolute: W&B's process may have another working folder
            "id": run_identifier(directory.path),
            "resume": "allow",
            "mode": mode,
            **described(run_config, project=project, entity=entity),
            "config": {**run_config, **labels()},
        }
        self._starting: Future[Any] | None = None
        self._waiting: list[Entry] = []
        self._known: set[str] = set()
        self._folder = directory.path.resolve()
        self._task = task_of(run_config["data"])
        self._log_checkpoints = log_checkpoints
        self._failed = False
        self._open = OpenStep(self._take_values)
        self._pictures: list[Picture] = []
        self._there = 0
        if rank_zero_only.rank == 0:  # pyright: ignore[reportFunctionMemberAccess]
            if mode == "online":
                self._there = _online_step(self.run())
            elif files := offline_files(self._folder):
                self._there = last_offline_step(files, STEP)
            for step, row in rows_upto(directory.metrics_file, first_step):
                self.log_metrics(row, step=step - 1)

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
        self._go_to(steps_done(step))
        self._open.add(metrics, step)

    @rank_zero_only
    def log_picture(self, key: str, pixels: np.ndarray, step: int) -> None:
        """Logs grey pixels (height, width) at a number of steps done."""
        self._go_to(step)
        if step > self._there:
            self._pictures.append(Picture(key, pixels, step))

    @rank_zero_only
    def log_sheet(self, key: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Keeps a table with the run."""
        self._take(Sheet(key, columns, rows))

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """The run's configuration has them."""

    @rank_zero_only
    def save(self) -> None:
        if self._waiting:
            self._log_waiting()

    @rank_zero_only
    def close(self, status: str, summary: Mapping[str, Any]) -> None:
        """Ends the W&B run: an alert if it diverged; exit status 0 if it came to a result, else 1."""
        self._go_to(self._open.step + 1)
        self._log_waiting()
        if self._failed:
            return
        try:
            run = self.run()
            run.summary.update({"status": status, **summary})
            log_files(run, self._folder, checkpoints=self._log_checkpoints)
            if status == "diverged":
                run.alert(title=f"{self._settings['name']} diverged", text=f"{self._folder}", level="WARN")
            run.finish(exit_code=0 if status in (*ENDED, STOPPED) else 1)
        except Exception as error:  # the run has ended well, whatever becomes of its dashboard
            say(f"logger=wandb could not end: {error}; metrics.csv and record.json are whole")
        self._starting = None

    def _go_to(self, step: int) -> None:
        """Logs the row that is open, and the pictures of its step, once another step begins."""
        if step == self._open.step:
            return
        self._open.go_to(step)
        for picture in self._pictures:
            self._take(picture)
        self._pictures = []

    def _take_values(self, step: int, values: Mapping[str, float]) -> None:
        if step > self._there:
            self._take(StepMetrics({**values, STEP: step}, self._task))

    def _take(self, entry: Entry) -> None:
        self._start()
        self._waiting.append(entry)
        if self._starting is not None and self._starting.done():
            self._log_waiting()

    def _start(self) -> None:
        if self._starting is None:
            starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="wandb-start")
            self._starting = starter.submit(_start_run, self._settings)
            starter.shutdown(wait=False)

    def _log_waiting(self) -> None:
        entries, self._waiting = self._waiting, []
        if self._failed:
            return
        try:
            run = self.run()
            for entry in entries:
                self._write(run, entry)
        except Exception as error:  # a dashboard that breaks must not end a run that trains
            self._failed = True
            say(f"logger=wandb has stopped: {error}; metrics.csv goes on")

    def _write(self, run: Any, entry: Entry) -> None:
        if isinstance(entry, StepMetrics):
            entry.write(run, self._known)
            return
        try:
            entry.write(run, self._known)
        except Exception as error:  # a server that does not take pictures or tables still takes numbers
            say(f"logger=wandb does not take {entry.key}: {str(error).splitlines()[0]}; the numbers go on")


def labels() -> dict[str, str]:
    """The options to group runs by on the dashboard, where a class alone does not tell them apart."""
    chosen = chosen_options()
    return {f"{group}_name": chosen[group] for group in LABELLED if group in chosen}


def _online_step(run: Any) -> int:
    """The last step that the server has of a run that goes on."""
    try:
        return int(run.summary.get(STEP) or 0)
    except (TypeError, ValueError):
        return 0


def wait_for_own_folder(board: Path) -> None:
    """Returns once no attempt has begun in this very second: W&B names its folders by the second.

    It would write nothing where the folder of an attempt that was killed has the name of this one's.
    """
    while any(board.glob(f"*run-{datetime.now():%Y%m%d_%H%M%S}-*")):
        time.sleep(0.02)


def _start_run(settings: Config) -> Any:
    import wandb.util  # heavy: only a run that logs to it pays for it

    wandb.util.pd_available = False  # else it imports pandas to ask whether a value is a frame
    online = settings["mode"] == "online"
    try:
        wait_for_own_folder(Path(settings["dir"]) / "wandb")
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
    for axis in AXES:
        run.define_metric(axis, step_metric=STEP, step_sync=True)
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
