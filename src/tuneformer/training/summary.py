"""What the person at the terminal reads before and after a run."""

from pathlib import Path

import pytorch_lightning as pl
from rich.console import Console
from rich.table import Table

from tuneformer.data.token_files import TokenSplits
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.record import Record

SHOWN = (
    ("val/loss", "validation loss", "{:.4f} nats per token"),
    ("val/bits_per_byte", "validation bits per byte", "{:.4f}"),
    ("test/loss", "test loss", "{:.4f} nats per token"),
    ("test/bits_per_byte", "test bits per byte", "{:.4f}"),
)


def print_beginning(
    record: Record, splits: TokenSplits, trainer: pl.Trainer, directory: RunDirectory
) -> None:
    """What is about to be trained, on what, and where it goes."""
    console = Console(stderr=True, highlight=False)
    hardware, tokens = record["hardware"], record["data"]["tokens"]
    devices = f"{hardware['devices']} x {hardware['device']}, {hardware['threads']} threads"
    console.print(
        f"{record['name']}: {record['model']['parameters']:,} parameters, {tokens['train']:,} training tokens"
        f" ({splits.tokenizer.name}), {trainer.max_steps:,} steps on {devices} -> {directory}",
        soft_wrap=True,
    )
    for note in splits.notes:
        console.print(f"note: {note}", soft_wrap=True)


def print_end(record: Record, directory: RunDirectory) -> None:
    """The result in a short table, a sample of what the model writes, and where everything is."""
    console = Console(highlight=False)
    final = record["metrics"]["final"]
    table = Table(title=f"{record['name']}: {record['status']}", show_header=False, title_justify="left")
    for name, label, form in SHOWN:
        if name in final:
            table.add_row(label, form.format(final[name]))
    if record.get("train_seconds"):
        table.add_row("tokens per second", f"{record['tokens'] / record['train_seconds']:,.0f}")
    table.add_row("steps, epochs", f"{record['steps']:,}, {record['epochs']:.2f}")
    table.add_row(
        "wall time", f"{record['wall_seconds']:.1f} s ({record['train_seconds']:.1f} s of training)"
    )
    console.print(table)
    if record["error"]:
        console.print(record["error"], markup=False, soft_wrap=True)
    _print_sample(console, directory.path / "sample.txt", record)
    console.print(f"run directory: {directory}", markup=False, soft_wrap=True)


def _print_sample(console: Console, file: Path, record: Record) -> None:
    if record["status"] == "finished" and file.exists():
        console.rule("a sample of what it writes")
        console.print(file.read_text(encoding="utf-8"), markup=False, soft_wrap=True)
        console.rule()
