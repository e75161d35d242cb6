"""A range test in the terminal, as a PNG and as numbers."""

from pathlib import Path

from tuneformer.errors import UserError
from tuneformer.report.charts.image import Panel, write_png
from tuneformer.report.charts.series import Series
from tuneformer.report.charts.terminal import chart
from tuneformer.runs.csv_text import csv_text
from tuneformer.runs.files import write_text
from tuneformer.training.lr_range_test.run import Sweep
from tuneformer.training.lr_range_test.suggestion import Suggestion, smooth


def lines_of(sweep: Sweep, found: Suggestion) -> list[str]:
    """The curve and the suggestion, as lines of text."""
    verdict = f"try optimizer.lr={found.rate:.2g}: {found.reason}" if found.rate else found.reason
    curve = chart([_smoothed(sweep)], title="training loss over learning rate, smoothed", log_x=True)
    return [*curve, "", verdict]


def write_sweep(sweep: Sweep, found: Suggestion, *, title: str, to: Path) -> list[Path]:
    """Writes <to>.png and <to>.csv, and returns their paths.

    Raises:
        UserError: they cannot be written.
    """
    image, table = to.with_suffix(".png"), to.with_suffix(".csv")
    measured = Series(name="loss of each step", x=sweep.rates, y=sweep.losses)
    panel = Panel(
        series=[measured, _smoothed(sweep)],
        x_label="learning rate",
        y_label="training loss, nats",
        log_x=True,
        marks=[(found.rate, f"try {found.rate:.2g}")] if found.rate else [],
    )
    write_png(image, [panel], title=title)
    rows = [("lr", "train/loss"), *zip(sweep.rates, sweep.losses, strict=True)]
    try:
        write_text(table, csv_text(rows))
    except OSError as error:
        raise UserError(f"{table} cannot be written: {error.strerror}") from error
    return [image, table]


def _smoothed(sweep: Sweep) -> Series:
    return Series(name="smoothed", x=sweep.rates, y=smooth(sweep.losses))
