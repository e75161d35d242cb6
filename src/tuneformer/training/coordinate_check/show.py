"""A coordinate check as a table and as a PNG."""

from pathlib import Path

from rich.table import Table

from tuneformer.report.charts.image import Panel, write_png
from tuneformer.report.charts.series import Series
from tuneformer.training.coordinate_check.measure import Changes, slope

FLAT = 0.1


def table_of(changes: Changes) -> Table:
    """A row for each activation: its change at every width, and the slope."""
    widths = list(next(iter(changes.values())))
    table = Table("activation", *(str(width) for width in widths), "slope", title="change by width")
    for name, by_width in changes.items():
        table.add_row(name, *(f"{value:.3g}" for value in by_width.values()), f"{slope(by_width):+.3f}")
    return table


def verdict(changes: Changes) -> str:
    """One sentence: whether all slopes are within FLAT of 0, else the steepest."""
    name = max(changes, key=lambda activation: abs(slope(changes[activation])))
    steepest = slope(changes[name])
    if abs(steepest) < FLAT:
        return (
            f"flat: no slope is steeper than {steepest:+.3f} ({name}), so that rates transfer across widths"
        )
    direction = "grow" if steepest > 0 else "shrink"
    return f"not flat: changes {direction} with the width, {name} as its power {steepest:+.2f}"


def draw_changes(changes: Changes, path: Path, *, title: str) -> None:
    """Change against width, both logarithmic."""
    series = [
        Series(name=name, x=list(by_width), y=list(by_width.values())) for name, by_width in changes.items()
    ]
    panel = Panel(
        series=series, x_label="width", y_label="RMS change of the activation", log_x=True, log_y=True
    )
    write_png(path, [panel], title=title)
