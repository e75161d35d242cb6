"""A plan in words and pictures."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tuneformer.report.charts.image import Panel, write_png
from tuneformer.report.charts.series import Series
from tuneformer.report.charts.terminal import chart
from tuneformer.training.preview.plan import TrainingPlan


def print_curves(plan: TrainingPlan, console: Console) -> None:
    """Rate and weight decay over the run, a line for each that differs from those before it."""
    for title, series in (("learning rate", _rates(plan)), ("weight decay", _decays(plan))):
        if not any(any(each.y) for each in series):
            console.print(f"{title}: none\n")
            continue
        for line in chart(series, title=f"{title} over optimizer steps: {_names(series)}"):
            console.print(line, markup=False, soft_wrap=True)
        console.print()


def print_groups(plan: TrainingPlan, console: Console) -> None:
    """Every group with what it trains by, and every parameter with its shape."""
    for group in plan.groups:
        matrices = ", hidden matrices" if group.hidden_matrices else ""
        console.print(
            f"{group.name}: {group.n_parameters:,} parameters, peak lr {group.peak_lr:g},"
            f" weight decay {_span(group.weight_decay)}{matrices}",
            markup=False,
            soft_wrap=True,
        )
        table = Table(show_header=False)
        for name, shape in group.shapes.items():
            table.add_row(name, " x ".join(str(size) for size in shape))
        console.print(table)


def draw_plan(plan: TrainingPlan, path: Path, *, title: str) -> None:
    """The curves as a PNG."""
    panels = [
        Panel(series=_rates(plan), x_label="optimizer step", y_label="learning rate"),
        Panel(series=_decays(plan), x_label="optimizer step", y_label="weight decay"),
    ]
    write_png(path, panels, title=title)


def _rates(plan: TrainingPlan) -> list[Series]:
    return _distinct(plan, [group.lr for group in plan.groups])


def _decays(plan: TrainingPlan) -> list[Series]:
    return _distinct(plan, [group.weight_decay for group in plan.groups])


def _distinct(plan: TrainingPlan, curves: Sequence[list[float]]) -> list[Series]:
    """A line for each different curve, named by the groups that share it."""
    names: dict[tuple[float, ...], list[str]] = {}
    for group, curve in zip(plan.groups, curves, strict=True):
        names.setdefault(tuple(curve), []).append(group.name)
    return [Series(name=", ".join(groups), x=plan.steps, y=curve) for curve, groups in names.items()]


def _names(series: Sequence[Series]) -> str:
    return "; ".join(f"{each.name} (up to {max(each.y):g})" for each in series)


def _span(values: Sequence[float]) -> str:
    return f"{values[0]:g}" if values[0] == values[-1] else f"{values[0]:g} to {values[-1]:g}"
