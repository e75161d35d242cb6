"""Where the numbers of a run go: metrics.csv always, a dashboard if conf/logger names one.

Lightning numbers the steps it logs from 0. Here a step's number is how many optimizer steps are done.
"""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any, cast

from lightning_fabric.utilities.rank_zero import rank_zero_only
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.loggers.logger import Logger

from tuneformer.config.building import build, find_target
from tuneformer.config.lightning_names import MLFLOW
from tuneformer.config.plain import Config
from tuneformer.errors import UserError
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.metrics_file import MetricsFile, rows_upto
from tuneformer.training.loggers.event_files import drop_later_events
from tuneformer.training.loggers.mlflow_logger import MLFlowRunLogger
from tuneformer.training.loggers.wandb_logger import WandbRunLogger


class MetricsFileLogger(Logger):
    """Writes metrics.csv; `first_step` is the step that the run goes on from."""

    def __init__(self, *, path: Path, first_step: int) -> None:
        super().__init__()
        self._path = path
        self._first_step = first_step
        self._file: MetricsFile | None = None

    @property
    def name(self) -> str:
        return "metrics.csv"

    @property
    def version(self) -> int:
        return 0

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self._opened().add(
            (step or 0) + 1, {name: value for name, value in metrics.items() if name != "epoch"}
        )

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """config.yaml has them."""

    @rank_zero_only
    def save(self) -> None:
        """Returns once every row is on the disk: a checkpoint relies on them."""
        self._opened().sync()

    def rows(self) -> dict[str, Any]:
        """How far the file goes, for a checkpoint to say."""
        return self._opened().written.as_saved()

    def _opened(self) -> MetricsFile:
        if self._file is None:
            self._file = MetricsFile(self._path, first_step=self._first_step)
        return self._file

    @rank_zero_only
    def finalize(self, status: str) -> None:
        self.save()


class TensorBoardRunLogger(TensorBoardLogger):
    """TensorBoard event files in <run>/tensorboard, numbered by steps done.

    A run that goes on behind `first_step` has each step once: what was logged beyond it is dropped, and what
    a kill kept from the disk is logged again from metrics.csv.
    """

    def __init__(self, *, directory: RunDirectory, run_config: Config, first_step: int) -> None:
        folder = directory.path / "tensorboard"
        goes_on = {"purge_step": first_step + 1} if folder.exists() or first_step else {}
        self._step, self._row, self._written = 0, dict[str, float](), set[str]()
        super().__init__(save_dir=directory.path, name="tensorboard", version="", **cast(Any, goes_on))
        if goes_on and rank_zero_only.rank == 0:  # pyright: ignore[reportFunctionMemberAccess]
            there = drop_later_events(folder, first_step=first_step)
            for step, row in rows_upto(directory.metrics_file, first_step):
                missing = {name: value for name, value in row.items() if (name, step) not in there}
                self.log_metrics(missing, step=step - 1)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        number = (step or 0) + 1
        if number != self._step:
            self._write_row()
            self._step, self._row, self._written = number, {}, set()
        self._row |= metrics

    @rank_zero_only
    def finalize(self, status: str) -> None:
        self._write_row()
        super().finalize(status)

    def _write_row(self) -> None:
        """Writes the values of the open step, each name once: TensorBoard would show all of them."""
        new = {name: value for name, value in self._row.items() if name not in self._written}
        self._written |= new.keys()
        if new:
            super().log_metrics(new, self._step)


def build_loggers(
    settings: Config, *, config: Config, directory: RunDirectory, first_step: int
) -> list[Logger]:
    """The loggers of a run: metrics.csv, and each of conf/logger.

    Raises:
        UserError: a dashboard's package is not installed.
    """
    loggers: list[Logger] = [MetricsFileLogger(path=directory.metrics_file, first_step=first_step)]
    for name, logger in settings.items():
        try:
            loggers.append(_build(name, logger, config, directory, first_step))
        except ModuleNotFoundError as error:
            raise UserError(
                f"logger={name} needs a package that is not installed: pip install {name}"
            ) from error
    return loggers


def close_loggers(loggers: Sequence[Logger], status: str, summary: Mapping[str, Any]) -> None:
    """Ends what the loggers hold open."""
    for logger in loggers:
        if isinstance(logger, WandbRunLogger | MLFlowRunLogger):
            logger.close(status, summary)
        elif not type(logger).__module__.startswith("tuneformer."):
            logger.save()


def _build(name: str, settings: Config, config: Config, directory: RunDirectory, first_step: int) -> Logger:
    """A logger is given what it takes of the run; one of others has the steps of metrics.csv."""
    place = ("logger", name)
    if settings["_target_"] in MLFLOW:
        settings = {"experiment_name": None, **settings, "_target_": MLFLOW[0]}
    parameters = signature(find_target(settings["_target_"], place, kind=Logger)).parameters
    folder = {
        "directory": directory,
        "run_config": config,
        "first_step": first_step,
        "save_dir": str(directory.path),
    }
    given = {key: value for key, value in folder.items() if key in parameters and key not in settings}
    logger = build(settings, place, kind=Logger, **given)
    if not type(logger).__module__.startswith("tuneformer."):
        RowsOfSteps().take_over(logger)
        logger.log_hyperparams(config)
    return logger


class RowsOfSteps:
    """Makes a logger of others count steps as metrics.csv does, and gives it each value of a step once."""

    def __init__(self) -> None:
        self._step, self._row, self._logged = 0, dict[str, float](), set[str]()

    def take_over(self, logger: Logger) -> None:
        """Stands between the run and the methods of `logger`."""
        self._log_metrics, self._save = logger.log_metrics, logger.save
        logger.log_metrics, logger.save = self.add, self.save

    def add(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Takes values of the step that Lightning calls `step`; logs those of the step before it."""
        number = (step or 0) + 1
        if number != self._step:
            self._end_row()
            self._step, self._logged = number, set()
        self._row |= {name: value for name, value in metrics.items() if name != "epoch"}

    def save(self) -> None:
        """Logs the values of the open step as well: a checkpoint relies on them."""
        self._end_row()
        self._save()

    def _end_row(self) -> None:
        new = {name: value for name, value in self._row.items() if name not in self._logged}
        self._row, self._logged = {}, self._logged | new.keys()
        if new:
            self._log_metrics(new, self._step)
