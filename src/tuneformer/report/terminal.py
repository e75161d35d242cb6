"""A comparison in the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from tuneformer.analysis.compare.caveats import FRESH_SEEDS
from tuneformer.analysis.compare.comparison import Comparison, TaskComparison
from tuneformer.analysis.compare.design import shown
from tuneformer.analysis.compare.pairs import difference_from
from tuneformer.analysis.compare.selection import Result
from tuneformer.analysis.compare.time_to_target import ENDS, NOT_REACHED
from tuneformer.report import wording
from tuneformer.report.fitting_table import fitting_table
from tuneformer.report.results_table import recorded_cells, time_to_target_of
from tuneformer.report.summary import summary
from tuneformer.report.table import Table as AnyTable
from tuneformer.runs.record import MEDIAN, SHOWN

WORDS = ("method", "best setting")
DISPENSABLE = ("deviation", "to target", "diverged", "best setting")
SHOWN_COMMANDS = 3


def print_comparison(comparison: Comparison, console: Console) -> None:
    """How the runs were understood, a table for each data set, the answer, and what stands against it."""
    for line in comparison.design.lines(comparison.read.unit):
        console.print(line, markup=False, soft_wrap=True)
    for place in comparison.main:
        _print_results(comparison, place, console)
    for line in summary(comparison):
        console.print(line, markup=False, soft_wrap=True)
    for line in _brief(comparison.caveats):
        console.print(f"note: {line}", markup=False, soft_wrap=True)


def _brief(caveats: Sequence[str]) -> list[str]:
    """The caveats; of many commands for fresh seeds those of the best methods."""
    commands = [line for line in caveats if line.startswith(FRESH_SEEDS)]
    rest = commands[SHOWN_COMMANDS:]
    brief = [line for line in caveats if line not in rest]
    if rest:
        brief.insert(brief.index(commands[SHOWN_COMMANDS - 1]) + 1, f"{len(rest)} more are on the page")
    return brief


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


def _print_results(comparison: Comparison, place: TaskComparison, console: Console) -> None:
    """The methods of a data set; of a narrow terminal what matters most."""
    where = f"{comparison.names[place.task]}, " if len(comparison.names) > 1 else ""
    title = f"{where}{shown(place.horizon)} {comparison.read.unit}"
    rows = [_row(comparison, place, result) for result in place.results]
    table, left_out = fitting_table(
        title,
        rows,
        width=console.width,
        words=WORDS,
        dispensable=[*(each.label for each in SHOWN.values() if each.over == MEDIAN), *DISPENSABLE],
    )
    console.print(table)
    if left_out:
        console.print(
            f"no room for {', '.join(left_out)}: comparison.csv has all", markup=False, soft_wrap=True
        )


def _row(comparison: Comparison, place: TaskComparison, result: Result) -> dict[str, str]:
    """A method by the names of the columns; what is not known is empty."""
    baseline = next((r for r in place.results if r.method == comparison.baseline), None)
    gap = difference_from(result, baseline, comparison.criterion) if baseline else None
    spent = next(each for each in comparison.spent if each.method == result.method)
    marks = "fresh" if result.fresh else "optimistic" if result.optimistic else ""
    told = "" if gap is None or result is baseline else wording.signed_with_interval(gap)
    recorded = recorded_cells(spent, over=MEDIAN)
    values = (result.method, comparison.design.describe(result.best.values))
    return {
        **dict(zip(WORDS, values, strict=True)),
        f"{comparison.criterion.report} {wording.INTERVAL}": wording.with_interval(result.estimate),
        "deviation": wording.deviation(result.estimate),
        "seeds": f"{result.estimate.n} {marks}".strip(),
        f"minus {comparison.baseline} {wording.INTERVAL}": told,
        "to target": _to_target(comparison, result),
        **{label: "" if cell.value is None else cell.text for label, cell in recorded.items()},
        "diverged": f"{result.n_diverged} of {len(result.trials)}" if result.n_diverged else "",
    }


def _to_target(comparison: Comparison, result: Result) -> str:
    reach = time_to_target_of(comparison, result)
    if reach is None or reach.kind == NOT_REACHED:
        return NOT_REACHED
    steps = wording.count(round(reach.steps, 1))
    return steps if reach.kind == ENDS else f"{steps} ({reach.kind})"
