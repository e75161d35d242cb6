"""The story of one run: build, begin, fit, evaluate, end."""

import errno
import signal
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as pl
from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities.exceptions import SIGTERMException

from tuneformer.callbacks.run_metrics import run_metrics_of
from tuneformer.callbacks.run_stops import stop_of
from tuneformer.data.batch_module import BatchModule
from tuneformer.data.contract import Data, PreparedData
from tuneformer.errors import Diverged, Interrupted, Pruned, UserError
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.files import write_text
from tuneformer.runs.identity import config_hash
from tuneformer.runs.metrics_file import iterate_rows
from tuneformer.runs.record import STOPPED, Record
from tuneformer.tasks.base import Task
from tuneformer.terminal import say, say_text
from tuneformer.training.assembly import (
    build_callbacks,
    build_task,
    build_trainer_settings,
    check_batch_divides,
)
from tuneformer.training.attempts import changed_line, close_attempt, earlier_attempts, first_entry
from tuneformer.training.branch import find_branch
from tuneformer.training.fastest.resolve import RECORDED, resolve_auto
from tuneformer.training.initial_weights import put_initial_weights
from tuneformer.training.launch import Launch, check_as_many_as_launched, without_stray_ranks
from tuneformer.training.loggers import MetricsFileLogger, build_loggers, close_loggers
from tuneformer.training.memory import MemoryWatch
from tuneformer.training.origin import origin_writer, rows_lost
from tuneformer.training.processes import other_ranks, restored_process
from tuneformer.training.pruning import build_pruning
from tuneformer.training.records import first_record, measured, model_size, with_kept_search
from tuneformer.training.resume import checkpoint_step, find_beginning
from tuneformer.training.settings import TrainerSettings, WholeCheckpointIO
from tuneformer.training.summary import print_beginning, print_end
from tuneformer.training.threads import choose_threads, flops_of_part, told_of_threads, use_threads

Config = dict[str, Any]

CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def run(
    config: Config, *, data: Data[Any], prepared: PreparedData, directory: RunDirectory, launch: Launch
) -> Record:
    """Trains and evaluates one run in its directory, and returns its record.

    Divergence is recorded as the result. A signal ends in SystemExit with 128 + its number, any other
    failure in its own exception; both are recorded first, and the run can be started again.
    """
    asked, rank = config, launch.rank
    beginning = find_beginning(
        directory,
        config_hash=config_hash(asked),
        fingerprint=prepared.fingerprint,
        tell=say if rank == 0 else lambda _: None,
    )
    config, fastest = resolve_auto(asked, data=data, prepared=prepared, before=beginning.record)
    settings = build_trainer_settings(config)
    with restored_process(), without_stray_ranks(launch, num_nodes=settings.num_nodes):
        settings.set_up_torch()
        memory = MemoryWatch()
        checkpoint, branch = beginning.checkpoint, None
        if config["branch_from"] is not None:
            branch = find_branch(asked, fingerprint=prepared.fingerprint)
            checkpoint = checkpoint or branch.checkpoint
        task = build_task(config, prepared)
        initial = put_initial_weights(task, config, prepared, directory) if checkpoint is None else None
        batches = data.batches(prepared, seed=config["seed"])
        use_threads(
            threads_of_run(config, settings, task, data, prepared, before=beginning.record, rank=rank)
        )
        size = model_size(task.model, config, prepared)
        callbacks = build_callbacks(
            config["callbacks"],
            data=data,
            task=task,
            flops_per_unit=size["flops_per_token" if data.unit == "tokens" else "flops_per_example"],
        )
        callbacks += build_pruning(config, rank=rank)
        if branch is not None and rank == 0:
            branch.copy_metrics(directory)
        known = {RECORDED: fastest, "branch": branch.as_record() if branch is not None else None}
        known |= what_is_known(directory, beginning.record, checkpoint) if rank == 0 else {}
        loggers = build_loggers(
            config["logger"], config=config, directory=directory, first_step=checkpoint_step(checkpoint)
        )
        trainer = settings.build(
            callbacks=callbacks, loggers=loggers, folder=directory.path, launched_by=launch.by
        )
        check_as_many_as_launched(launch, n_trained=trainer.world_size)
        check_batch_divides(data.batch_size, trainer)

        started_from = (beginning.record or {}).get("init") if initial is None else initial.as_record()
        known |= {"init": started_from}
        record = begin(asked, task, trainer, data.unit, prepared, directory, rank, known)
        if initial is not None and rank == 0:
            initial.keep(directory)
            say(f"starting from {initial}")
        rows = cast(MetricsFileLogger, loggers[0]).rows
        cast(WholeCheckpointIO, trainer.strategy.checkpoint_io).origin = origin_writer(record, rows)
        started = time.monotonic()
        try:
            with other_ranks(config, trainer):
                trainer.fit(task, datamodule=batches, ckpt_path=checkpoint, weights_only=True)
                evaluate(trainer, task, batches, directory)
            stop = stop_of(trainer)
            record |= {"status": STOPPED if stop else "finished", "stop": stop and asdict(stop)}
        except BaseException as raised:
            error = as_user_error(raised, directory)
            record |= outcome(error, step=trainer.global_step)
            raise_unless_result(error, rank)
        finally:
            record |= measured(trainer, prepared) | {"memory": memory.measured(trainer)}
            if rank == 0:
                close_attempt(record, seconds=time.monotonic() - started)
                end(record, loggers, directory)
    return record


def threads_of_run(
    config: Config,
    settings: TrainerSettings,
    task: Task,
    data: Data[Any],
    prepared: PreparedData,
    *,
    before: Record | None,
    rank: int,
) -> int:
    """The CPU threads to train with; a run that goes on says so where they are others than before."""
    flops = flops_of_part(task.model, config, data=data, prepared=prepared, settings=settings)
    recorded = ((before or {}).get("hardware") or {}).get("threads")
    threads = choose_threads(settings, flops=flops, recorded=recorded)
    if rank == 0 and (line := told_of_threads(threads, recorded=recorded)) is not None:
        say(line)
    return threads


def what_is_known(directory: RunDirectory, before: Record | None, checkpoint: Path | None) -> Record:
    """What a record says of the attempts before this one, and what is lost of them; it is told as well."""
    lost = rows_lost(directory, checkpoint)
    if lost is not None:
        say(f"{lost}; the run goes on without them, and its record says so")
    known: Record = {"lost": [*(before or {}).get("lost", []), *([lost] if lost else [])]}
    known["steps"] = checkpoint_step(checkpoint)
    known["attempts"] = []
    if before is not None:
        rows = iterate_rows(directory.metrics_file) if directory.metrics_file.exists() else ()
        known["attempts"] = earlier_attempts(before, rows)
        known |= {"started": before["started"], "restarts": before["restarts"] + 1}
    known["wall_seconds"] = sum(attempt["seconds"] for attempt in known["attempts"])
    return known


def begin(
    config: Config,
    task: Task,
    trainer: pl.Trainer,
    unit: str,
    prepared: PreparedData,
    directory: RunDirectory,
    rank: int,
    decided: Record,
) -> Record:
    """Writes what is known before the first step; a run that goes on keeps its beginning.

    `decided`: what the record says besides of this run.
    """
    config = with_kept_search(config, directory)
    record = first_record(config, task, unit, prepared, trainer) | decided
    if rank > 0:
        return record
    record["attempts"] = [*record["attempts"], first_entry(record, first_step=record["steps"])]
    if line := changed_line(record["attempts"]):
        say(line)
    directory.checkpoints.mkdir(exist_ok=True)
    for folder in (directory.path, directory.checkpoints):
        for unfinished in folder.glob(".*.tmp"):  # of a process that was killed as it wrote
            unfinished.unlink()
    directory.write_config(with_needs(config, prepared))
    for name, content in prepared.kept.items():
        write_text(directory.path / name, content)
    directory.write_record(record)
    print_beginning(record, prepared, trainer, directory)
    return record


def with_needs(config: Config, prepared: PreparedData) -> Config:
    """The configuration with what the data asks of the model filled in: a run is loaded by it alone."""
    filled = {
        group: {key: prepared.needs.get(key, value) for key, value in config[group].items()}
        for group in ("data", "model")
    }
    return config | filled


def evaluate(trainer: pl.Trainer, task: Task, batches: BatchModule, directory: RunDirectory) -> None:
    """Validates the last weights if the last step did not, and tests them on the whole split."""
    if run_metrics_of(trainer).validated_step != trainer.global_step:
        trainer.validate(task, datamodule=batches, verbose=False)
    trainer.test(task, datamodule=batches, verbose=False)
    if trainer.is_global_zero:
        for name, content in task.result_files.items():
            write_text(directory.path / name, content)


def outcome(error: BaseException, *, step: int) -> Record:
    """What record.json says of a run that `error` ended at `step`."""
    if isinstance(error, Diverged):
        return {"status": "diverged", "error": str(error)}
    if isinstance(error, Pruned):
        return {"status": "pruned", "error": str(error)}
    if not isinstance(error, Interrupted) and (number := signal_behind(error)) is not None:
        error = Interrupted(step=step, signal_number=number)  # outside the steps
    if isinstance(error, Interrupted | SystemExit):
        return {"status": "interrupted", "error": str(error) or type(error).__name__}
    return {"status": "failed", "error": error_text(error)}


def as_user_error(error: BaseException, directory: RunDirectory) -> BaseException:
    """A full or read-only disk as what the user can mend; any other error as it is."""
    if isinstance(error, OSError) and error.errno in CANNOT_WRITE:
        return UserError(f"run_dir={directory} cannot be written to: {error.strerror}")
    return error


def raise_unless_result(error: BaseException, rank: int) -> None:
    """Raises what the caller of a run that `error` ended must know; a result is nothing to raise."""
    if isinstance(error, Diverged | Pruned):
        return
    if (number := signal_behind(error)) is not None:
        # rank 0 would take the exit status of another rank for its failure
        raise SystemExit(128 + number if rank == 0 else 0) from None
    raise error


def signal_behind(error: BaseException) -> int | None:
    """The signal that ended a run by `error`, None where none did."""
    if isinstance(error, Interrupted):
        return error.signal_number
    if isinstance(error, SIGTERMException):
        return signal.SIGTERM
    # Lightning turns the second Ctrl-C into exit status 1
    pressed = isinstance(error, KeyboardInterrupt) or isinstance(error.__context__, KeyboardInterrupt)
    return signal.SIGINT if pressed else None


def end(record: Record, loggers: list[Logger], directory: RunDirectory) -> None:
    """Writes the result, closes the dashboard with the right exit status, and shows the result."""
    try:
        directory.write_record(record)
    except OSError as error:
        say(f"{directory.record_file} cannot be written: {error.strerror}; it says what it said before")
    close_loggers(
        loggers,
        record["status"],
        {name: record[name] for name in ("steps", record["data"]["unit"], "wall_seconds")},
    )
    try:
        print_end(record, directory)
    except Exception as error:  # the run has ended as it has, whatever can be shown of it
        say_text(f"the result of {directory} cannot be shown: {error_text(error)}")


def error_text(error: BaseException) -> str:
    """One line for what the user can mend, the whole traceback for what he cannot."""
    return str(error) if isinstance(error, UserError) else "".join(traceback.format_exception(error)).strip()
