"""A comparison in the terminal."""

from rich.console import Console
from rich.table import Table

from tuneformer.analysis.comparison import Cell, Comparison
from tuneformer.analysis.design import shown
from tuneformer.analysis.pairs import difference_from
from tuneformer.analysis.reach import ENDS, NOT_REACHED
from tuneformer.analysis.selection import Result
from tuneformer.report import wording
from tuneformer.report.results_table import reach_of
from tuneformer.report.summary import summary
from tuneformer.report.table import Table as AnyTable

WIDE = 110  # characters


def print_comparison(comparison: Comparison, console: Console) -> None:
    """How the runs were understood, a table for each data set, the answer, and what stands against it."""
    for line in comparison.design.lines(comparison.read.unit):
        console.print(line, markup=False, soft_wrap=True)
    for place in comparison.main:
        console.print(_table(comparison, place, wide=console.width >= WIDE))
    for line in summary(comparison):
        console.print(line, markup=False, soft_wrap=True)
    for line in comparison.caveats:
        console.print(f"note: {line}", markup=False, soft_wrap=True)


def print_table(made: AnyTable, console: Console) -> None:
    """A table of a comparison, and what a reader must know of it."""
    shown_table = made.without_empty_columns()
    table = Table(title=made.title, title_justify="left")
    for column in shown_table.columns:
        table.add_column(column)
    for row in shown_table.rows:
        table.add_row(*(cell.text for cell in row))
    if made.rows:
        console.print(table)
        console.print(made.note, markup=False, soft_wrap=True)
    else:
        console.print(f"{made.title}: nothing was measured", markup=False)


def _table(comparison: Comparison, place: Cell, *, wide: bool) -> Table:
    metric = comparison.criterion.report
    where = f"{comparison.names[place.task]}, " if len(comparison.names) > 1 else ""
    title = f"{where}{shown(place.horizon)} {comparison.read.unit}"
    rows = [_row(comparison, place, result) for result in place.results]
    gap = f"minus {comparison.baseline} {wording.INTERVAL}"
    columns = [
        "method",
        "best setting",
        f"{metric} {wording.INTERVAL}",
        "deviation",
        "seeds",
        gap,
        "to target",
    ]
    columns += ["tok/s", "diverged"] if wide else ["diverged"]
    table = Table(title=title, title_justify="left")
    names = ["method", "best setting", "metric", "deviation", "seeds", "gap", "to target"]
    names += ["tok/s", "diverged"] if wide else ["diverged"]
    kept = [place for place, name in enumerate(names) if any(row[name] for row in rows)]
    for column in kept:
        left = names[column] in ("method", "best setting")
        table.add_column(
            columns[column], justify="left" if left else "right", no_wrap=names[column] == "metric"
        )
    for row in rows:
        table.add_row(*(row[names[column]] for column in kept))
    return table


def _row(comparison: Comparison, place: Cell, result: Result) -> dict[str, str]:
    baseline = next((r for r in place.results if r.method == comparison.baseline), None)
    gap = difference_from(result, baseline, comparison.criterion) if baseline else None
    spent = next(each for each in comparison.spent if each.method == result.method)
    marks = "fresh" if result.fresh else "optimistic" if result.optimistic else ""
    speed = spent.numbers["tokens_per_second"]
    return {
        "method": result.method,
        "best setting": comparison.design.describe(result.best.values),
        "metric": wording.with_interval(result.estimate),
        "deviation": wording.deviation(result.estimate),
        "seeds": f"{result.estimate.n} {marks}".strip(),
        "gap": "" if gap is None or result is baseline else wording.signed_with_interval(gap),
        "to target": _to_target(comparison, result),
        "tok/s": wording.rate(speed) if speed > 0 else "",
        "diverged": f"{result.n_diverged} of {len(result.trials)}" if result.n_diverged else "",
    }


def _to_target(comparison: Comparison, result: Result) -> str:
    reach = reach_of(comparison, result)
    if reach is None or reach.kind == NOT_REACHED:
        return NOT_REACHED
    steps = wording.count(round(reach.steps, 1))
    return steps if reach.kind == ENDS else f"{steps} ({reach.kind})"
