"""The story of one run: build, begin, fit, evaluate, end."""

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as pl
from pytorch_lightning.loggers.logger import Logger

from tuneformer.config.plain import Config
from tuneformer.data.batch_module import BatchModule
from tuneformer.data.contract import Data, PreparedData
from tuneformer.process.leaving import signals_as_exit, signals_wait
from tuneformer.process.terminal import say, say_text
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.files import write_text
from tuneformer.runs.identity import config_hash
from tuneformer.runs.metrics_file import iterate_rows
from tuneformer.runs.record import STOPPED, RunRecord
from tuneformer.tasks.base import Task
from tuneformer.training.assembly import (
    build_callbacks,
    build_task,
    build_trainer_settings,
    check_batch_divides,
)
from tuneformer.training.attempts import changed_line, earlier_attempts, first_entry, with_closed_attempt
from tuneformer.training.autotune.resolve import resolve_auto
from tuneformer.training.branch import Branch, find_branch
from tuneformer.training.callbacks.run_metrics import run_metrics_of
from tuneformer.training.callbacks.run_page import run_page_of
from tuneformer.training.callbacks.run_stops import stop_of
from tuneformer.training.initial_weights import InitialWeights, put_initial_weights
from tuneformer.training.launch import Launch, check_as_many_as_launched, without_stray_ranks
from tuneformer.training.loggers.metrics_file_logger import MetricsFileLogger
from tuneformer.training.loggers.run_loggers import build_loggers, close_loggers
from tuneformer.training.memory import MemoryWatch
from tuneformer.training.memory_needed import check_memory
from tuneformer.training.origin import origin_writer, rows_lost
from tuneformer.training.outcome import as_user_error, error_text, outcome, raise_unless_result
from tuneformer.training.processes import other_ranks, restored_process
from tuneformer.training.pruning import build_pruning
from tuneformer.training.records import first_record, measured, model_size, with_kept_search
from tuneformer.training.resume import Beginning, checkpoint_step, find_beginning
from tuneformer.training.settings import TrainerSettings
from tuneformer.training.summary import print_beginning, print_end
from tuneformer.training.threads import choose_threads, flops_of_part, told_of_threads, use_threads
from tuneformer.training.trainer import WholeCheckpointIO, build_trainer, set_up_torch


@dataclass(frozen=True, kw_only=True)
class Built:
    """What trains a run, and what is known of it before the first step.

    Attributes:
        checkpoint: from which it goes on; None at the beginning.
        initial: the weights that it starts from where those are of another run.
        known: what its record says besides what is read off the other parts.
    """

    task: Task
    batches: BatchModule
    trainer: pl.Trainer
    loggers: list[Logger]
    checkpoint: Path | None
    initial: InitialWeights | None
    known: dict[str, Any]


def run(
    config: Config, *, data: Data[Any], prepared: PreparedData, directory: RunDirectory, launch: Launch
) -> RunRecord:
    """Trains and evaluates one run in its directory, and returns its record.

    Divergence is recorded as the result. A signal ends in SystemExit with 128 + its number, any other
    failure in its own exception; both are recorded first, and the run can be started again.
    """
    asked = config
    check_memory(asked, data=data, prepared=prepared)
    beginning = find_beginning(
        directory,
        config_hash=config_hash(asked),
        fingerprint=prepared.fingerprint,
        tell=say if launch.rank == 0 else lambda _: None,
    )
    config, fastest = resolve_auto(asked, data=data, prepared=prepared, before=beginning.record)
    settings = build_trainer_settings(config)
    stray = without_stray_ranks(launch, num_nodes=settings.num_nodes)
    with signals_as_exit(), restored_process(), stray:
        set_up_torch(settings)
        memory = MemoryWatch()
        branch = None
        if asked["branch_from"] is not None:
            branch = find_branch(asked, fingerprint=prepared.fingerprint)
        built = build(config, settings, data, prepared, directory, launch, beginning, branch)
        kept = with_kept_search(asked, directory)
        record = beginning_record(kept, built, data.unit, prepared, launch.rank)
        record = replace(record, fastest=fastest)
        return train(kept, built, record, prepared, directory, launch.rank, memory)


def build(
    config: Config,
    settings: TrainerSettings,
    data: Data[Any],
    prepared: PreparedData,
    directory: RunDirectory,
    launch: Launch,
    beginning: Beginning,
    branch: Branch | None,
) -> Built:
    """Builds all that trains the run, from its beginning or from where it was left."""
    rank, checkpoint = launch.rank, beginning.checkpoint
    if branch is not None:
        checkpoint = checkpoint or branch.checkpoint
    task = build_task(config, prepared)
    initial = put_initial_weights(task, config, prepared, directory) if checkpoint is None else None
    use_threads(threads_of_run(config, settings, task, data, prepared, before=beginning.record, rank=rank))
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
    known: dict[str, Any] = {"branch": branch.as_record() if branch is not None else None}
    known |= what_is_known(directory, beginning.record, checkpoint) if rank == 0 else {}
    before = beginning.record.init if beginning.record is not None else None
    known["init"] = before if initial is None else initial.as_record()
    loggers = build_loggers(
        config["logger"], config=config, directory=directory, first_step=checkpoint_step(checkpoint)
    )
    trainer = build_trainer(
        settings, callbacks=callbacks, loggers=loggers, folder=directory.path, launched_by=launch.by
    )
    check_as_many_as_launched(launch, n_trained=trainer.world_size)
    check_batch_divides(data.batch_size, trainer)
    return Built(
        task=task,
        batches=data.batches(prepared, seed=config["seed"]),
        trainer=trainer,
        loggers=loggers,
        checkpoint=checkpoint,
        initial=initial,
        known=known,
    )


def train(
    config: Config,
    built: Built,
    record: RunRecord,
    prepared: PreparedData,
    directory: RunDirectory,
    rank: int,
    memory: MemoryWatch,
) -> RunRecord:
    """Trains and evaluates, and records how that ended, whatever ended it."""
    trainer, task, batches = built.trainer, built.task, built.batches
    rows = cast(MetricsFileLogger, built.loggers[0]).rows
    cast(WholeCheckpointIO, trainer.strategy.checkpoint_io).origin = origin_writer(record, rows)
    started = time.monotonic()
    try:
        if rank == 0:
            begin(config, built, record, prepared, directory)
        with other_ranks(config, trainer):
            trainer.fit(task, datamodule=batches, ckpt_path=built.checkpoint, weights_only=True)
            evaluate(trainer, task, batches, directory)
        stop = stop_of(trainer)
        status = STOPPED if stop else "finished"
        record = replace(record, status=status, stop=stop and asdict(stop))
    except BaseException as raised:
        error = as_user_error(raised, directory)
        record = replace(record, **outcome(error, step=trainer.global_step))
        raise_unless_result(error, rank)
    finally:
        told = rank == 0 and directory.begun()
        with signals_wait():
            record = replace(record, **measured(trainer, prepared), **memory.measured(trainer))
            if told:
                record = with_closed_attempt(record, seconds=time.monotonic() - started)
                write_result(record, directory)
        if told:
            end(record, built, directory)
    return record


def threads_of_run(
    config: Config,
    settings: TrainerSettings,
    task: Task,
    data: Data[Any],
    prepared: PreparedData,
    *,
    before: RunRecord | None,
    rank: int,
) -> int:
    """The CPU threads to train with; a run that goes on says so where they are others than before."""
    flops = flops_of_part(task.model, config, data=data, prepared=prepared, settings=settings)
    recorded = before.hardware.get("threads") if before is not None else None
    threads = choose_threads(settings, flops=flops, recorded=recorded)
    if rank == 0 and (line := told_of_threads(threads, recorded=recorded)) is not None:
        say(line)
    return threads


def what_is_known(
    directory: RunDirectory, before: RunRecord | None, checkpoint: Path | None
) -> dict[str, Any]:
    """What a record says of the attempts before this one, and what is lost of them; it is told as well."""
    lost = rows_lost(directory, checkpoint)
    if lost is not None:
        say(f"{lost}; the run goes on without them, and its record says so")
    known: dict[str, Any] = {"steps": checkpoint_step(checkpoint), "attempts": []}
    known["lost"] = [*(before.lost if before is not None else ()), *([lost] if lost else [])]
    if before is not None:
        rows = iterate_rows(directory.metrics_file) if directory.metrics_file.exists() else ()
        known["attempts"] = earlier_attempts(before, rows)
        known |= {"started": before.started, "restarts": before.restarts + 1}
        known |= {"options": before.options} if before.options else {}
    known["wall_seconds"] = sum(attempt["seconds"] for attempt in known["attempts"])
    return known


def beginning_record(config: Config, built: Built, unit: str, prepared: PreparedData, rank: int) -> RunRecord:
    """What is known before the first step; a run that goes on keeps its beginning."""
    record = replace(first_record(config, built.task, unit, prepared, built.trainer), **built.known)
    if rank > 0:
        return record
    return replace(record, attempts=[*record.attempts, first_entry(record, first_step=record.steps)])


def begin(
    config: Config, built: Built, record: RunRecord, prepared: PreparedData, directory: RunDirectory
) -> None:
    """Writes what is known before the first step, and tells it."""
    if line := changed_line(record.attempts):
        say(line)
    directory.checkpoints.mkdir(exist_ok=True)
    for folder in (directory.path, directory.checkpoints):
        for unfinished in folder.glob(".*.tmp"):  # of a process that was killed as it wrote
            unfinished.unlink()
    directory.write_config(with_needs(config, prepared))
    for name, content in (prepared.kept | getattr(built.task.model, "kept_files", {})).items():
        write_text(directory.path / name, content)
    directory.write_record(record)
    print_beginning(record, prepared, built.trainer, directory)
    if built.initial is not None:
        built.initial.keep(directory)
        say(f"starting from {built.initial}")


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


def write_result(record: RunRecord, directory: RunDirectory) -> None:
    """Writes the record; where the disk takes none, it says so and the earlier one stays."""
    try:
        directory.write_record(record)
    except OSError as error:
        say(f"{directory.record_file} cannot be written: {error.strerror}; it says what it said before")


def end(record: RunRecord, built: Built, directory: RunDirectory) -> None:
    """Closes the dashboards with the right exit status, writes the page, and shows the result."""
    close_loggers(
        built.loggers,
        record.status,
        {"steps": record.steps, record.data["unit"]: record.seen, "wall_seconds": record.wall_seconds},
    )
    if (page := run_page_of(built.trainer)) is not None:
        page.write(directory.path)
    try:
        print_end(record, directory, built.task.facts)
    except Exception as error:  # the run has ended as it has, whatever can be shown of it
        say_text(f"the result of {directory} cannot be shown: {error_text(error)}")
