"""How a run begins: everything that can be decided before torch is imported.

A run is idempotent. In a directory that holds the same run it goes on, or returns its result at once
if it has ended; in one that holds another run it refuses.
"""

from pathlib import Path
from typing import Any

from tuneformer.checks.lint import warnings
from tuneformer.config.building import build
from tuneformer.config.plain import Config
from tuneformer.data.contract import Data, PreparedData
from tuneformer.errors import UserError
from tuneformer.process.terminal import say
from tuneformer.process.unfailing_output import unfailing_output
from tuneformer.runs.directory import AnotherRun, RunDirectory
from tuneformer.runs.record import RunRecord, has_ended, stop_told
from tuneformer.tasks.lookup import task_of
from tuneformer.training.another_run import alternatives
from tuneformer.training.launch import Launch, find_launch, started_beside
from tuneformer.training.rendezvous import agreed_folder


def train(config: Config) -> float | None:
    """Trains one run from its checked configuration, and returns its final `optimized_metric`.

    Infinity for a run that diverged (minus infinity where higher is better); None in a process that only
    helps another (rank above 0). Output that nobody reads any more does not end it.
    """
    with unfailing_output():
        return _train(config)


def _train(config: Config) -> float | None:
    launch = find_launch(config["trainer"])
    rank = launch.rank
    directory = run_directory(config, launch)
    config = {**config, "run_dir": str(directory)}
    if rank == 0:
        _check_same_run(directory, config)
    record = directory.readable_record()
    if record is not None and has_ended(record):
        if rank > 0:  # rank 0 returns as well: it would be waited for in vain
            return None
        say(f"{directory} has {record.status} already{stop_told(record)}")
        return result_of(record, config)
    if rank == 0:
        directory.acquire()
    try:
        for line in [*warnings(config), started_beside(config["trainer"])] if rank == 0 else []:
            if line is not None:
                say(f"warning: {line}")
        data, prepared = prepare_data(config)
        from tuneformer.training.run import run  # torch is loaded from here on

        record = run(config, data=data, prepared=prepared, directory=directory, launch=launch)
    finally:
        directory.discard()
    return result_of(record, config) if rank == 0 else None


def _check_same_run(directory: RunDirectory, config: Config) -> None:
    try:
        directory.check_same_run(config)
    except AnotherRun as error:
        raise UserError(f"{error}{alternatives(config, directory)}") from error


def run_directory(config: Config, launch: Launch) -> RunDirectory:
    """The folder that is asked for, or a new one; the same for all processes of a run."""
    if config["run_dir"] is not None:
        return RunDirectory(Path(config["run_dir"]))
    if launch.by is None:
        return RunDirectory.create(config["name"])
    made: list[RunDirectory] = []

    def make() -> str:
        made.append(RunDirectory.create(config["name"]))
        return str(made[0])

    folder = agreed_folder(make, launch=launch)
    return made[0] if made else RunDirectory(Path(folder))


def prepare_data(config: Config) -> tuple[Data[Any], PreparedData]:
    """The data that the configuration names, fetched and converted (from the cache if it was before)."""
    data: Data[Any] = build(config["data"], ("data",), kind=Data)
    return data, data.prepare()


def result_of(record: RunRecord, config: Config) -> float:
    """A run's final optimized_metric; the worst there is, infinite, if it diverged."""
    metric = config["optimized_metric"]
    if record.status == "diverged":
        return float("-inf" if task_of(config["data"]).higher_is_better(metric) else "inf")
    value = record.final.get(metric)
    return float("nan") if value is None else float(value)
