"""The loggers of a run: metrics.csv always, a dashboard if conf/logger names one, and those of others.

Lightning numbers the steps it logs from 0. Here a step's number is how many optimizer steps are done.
"""

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any

from pytorch_lightning.loggers.logger import Logger

from tuneformer.config.building import build, find_target
from tuneformer.config.lightning_names import MLFLOW
from tuneformer.config.plain import Config
from tuneformer.errors import UserError
from tuneformer.runs.directory import RunDirectory
from tuneformer.training.loggers.metrics_file_logger import MetricsFileLogger
from tuneformer.training.loggers.open_step import OpenStep, RunLogger


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
        if isinstance(logger, RunLogger):
            logger.close(status, summary)
        else:
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
    if not isinstance(logger, RunLogger):
        _count_steps_done(logger)
        logger.log_hyperparams(config)
    return logger


def _count_steps_done(logger: Logger) -> None:
    """Makes a logger of others count steps as metrics.csv does, and gives it each value of a step once."""
    log_metrics, save = logger.log_metrics, logger.save
    open_step = OpenStep(lambda step, values: log_metrics(values, step))

    def log_and_save() -> None:
        open_step.log()  # a checkpoint relies on what is saved
        save()

    logger.log_metrics, logger.save = open_step.add, log_and_save
