"""What the person at the terminal reads before and after a run."""

from pathlib import Path

import pytorch_lightning as pl
from rich.table import Table

from tuneformer.analysis.diagnosis.diagnose import closing_lines
from tuneformer.data.contract import PreparedData
from tuneformer.data.task_facts import TaskFacts
from tuneformer.process.escaping_console import EscapingConsole
from tuneformer.process.invocation import command_for
from tuneformer.report.page_names import RUN_PAGE
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.record import STOPPED, RunRecord, stop_told

SPLITS = {"val": "validation", "test": "test"}
SHOWN_FILES = {
    "sample.txt": "a sample of what it writes",
    "most_confused.txt": "what it confuses most often (confusion.csv has all)",
}


def print_beginning(
    record: RunRecord, prepared: PreparedData, trainer: pl.Trainer, directory: RunDirectory
) -> None:
    """What is about to be trained, on what, and where it goes."""
    console = EscapingConsole(stderr=True)
    hardware = record.hardware
    devices = f"{hardware['devices']} x {hardware['device']}, {hardware['threads']} threads"
    console.print(
        f"{record.name}: {record.model['parameters']:,} parameters{_trained(record)}{_cost(record)},"
        f" {prepared.description},"
        f" {trainer.max_steps:,} steps on {devices} -> {directory}",
        soft_wrap=True,
    )
    for note in prepared.notes:
        console.print(f"note: {note}", soft_wrap=True)


def _trained(record: RunRecord) -> str:
    """How many parameters train, where some are frozen."""
    trained = record.model.get("trained_parameters")
    return "" if trained is None else f", {trained:,} of them trained"


def _cost(record: RunRecord) -> str:
    """What training on a token costs, where it is known."""
    flops = record.model["flops_per_token"]
    return "" if flops is None else f", {flops / 1e6:,.2f} MFLOPs a token"


def print_end(record: RunRecord, directory: RunDirectory, task: TaskFacts) -> None:
    """The result in a short table, what the model writes, the diagnosis, and where everything is."""
    console = EscapingConsole()
    final = record.final
    table = Table(title=f"{record.name}: {record.status}", show_header=False, title_justify="left")
    for split, split_label in SPLITS.items():
        for metric in task.metrics:
            name = f"{split}/{metric.name}"
            if metric.label is not None and name in final:
                table.add_row(f"{split_label} {metric.label}", metric.form.format(final[name]))
    unit = record.data["unit"]
    if record.train_seconds:
        table.add_row(f"{unit} per second", f"{record.seen / record.train_seconds:,.0f}")
    if record.epochs is None:
        table.add_row("steps", f"{record.steps:,}")
    else:
        table.add_row("steps, epochs", f"{record.steps:,}, {record.epochs:.2f}")
    table.add_row("wall time", f"{record.wall_seconds:.1f} s ({record.train_seconds:.1f} s of training)")
    console.print(table)
    if record.error:
        console.print(record.error, soft_wrap=True)
    if record.stop and (told := stop_told(record)):
        console.print(f"stopped{told}: {record.stop['reason']}", soft_wrap=True)
    for lost in record.lost:
        console.print(f"lost: {lost}", soft_wrap=True)
    for name, title in SHOWN_FILES.items():
        _print_file(console, directory.path / name, title, record)
    for line in closing_lines(directory.path):
        console.print(line, soft_wrap=True)
    console.print(f"run directory: {directory}", soft_wrap=True)
    if (page := directory.path / RUN_PAGE).exists():
        console.print(f"its page: {page} ({command_for('show')} {directory})", soft_wrap=True)


def _print_file(console: EscapingConsole, file: Path, title: str, record: RunRecord) -> None:
    if record.status in ("finished", STOPPED) and file.exists():
        console.rule(title)
        console.print(file.read_text(encoding="utf-8"), soft_wrap=True)
        console.rule()
