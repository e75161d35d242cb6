"""The table of results: every method at its best setting, with all that is known of it; comparison.csv."""

from pathlib import Path

from tuneformer.analysis.compare.budget import Spent
from tuneformer.analysis.compare.comparison import Comparison, TaskComparison
from tuneformer.analysis.compare.pairs import difference_from
from tuneformer.analysis.compare.selection import Result
from tuneformer.analysis.compare.time_to_target import ENDS, NOT_REACHED, TimeToTarget
from tuneformer.errors import UserError
from tuneformer.report import wording
from tuneformer.report.table import Cell, Table, make_table, number, word
from tuneformer.runs.csv_text import csv_text
from tuneformer.runs.files import write_text
from tuneformer.runs.record import MEDIAN, SHOWN


def results_table(comparison: Comparison) -> Table:
    """Each method at its best setting at every length, the longest first."""
    rows = [
        _result_row(comparison, place, result, last=place in comparison.main)
        for place in _longest_first(comparison)
        for result in place.results
    ]
    metric = comparison.criterion.report
    columns = [
        *(
            "data",
            comparison.read.unit,
            "method",
            "best setting",
            metric,
            wording.LOW,
            wording.HIGH,
            "deviation",
        ),
        *(
            "seeds",
            "from",
            f"minus {comparison.baseline}",
            f"minus {comparison.baseline}, {wording.LOW}",
            f"minus {comparison.baseline}, {wording.HIGH}",
        ),
        *("steps to target", "seconds to target", "target read at"),
        *(shown.label for shown in SHOWN.values() if shown.over == MEDIAN),
        *("runs", "diverged"),
    ]
    note = (
        f"Chosen on {comparison.criterion.choose}, reported on {metric}. Intervals are 95 % (Student's t"
        " over seeds, bootstrap from 20 seeds on); deviation: standard deviation over seeds. Differences are"
        " paired by seed where seeds are shared."
        " Targets: "
        + ", ".join(f"{comparison.names[t]} {wording.value(v)}" for t, v in comparison.targets.items())
        + f" ({comparison.criterion.choose})."
    )
    return make_table("results", "Each method at its best setting", note, columns, rows)


def _longest_first(comparison: Comparison) -> list[TaskComparison]:
    return sorted(comparison.cells, key=lambda place: (place.task, -place.horizon))


def _result_row(comparison: Comparison, place: TaskComparison, result: Result, *, last: bool) -> list[Cell]:
    estimate = result.estimate
    baseline = next((r for r in place.results if r.method == comparison.baseline), None)
    gap = difference_from(result, baseline, comparison.criterion) if baseline else None
    spent = next(each for each in comparison.spent if each.method == result.method)
    from_seeds = "fresh seeds" if result.fresh else "optimistic" if result.optimistic else "all seeds"
    is_base = baseline is result
    return [
        data_cell(comparison, result.task),
        number(result.horizon, wording.count(result.horizon)),
        word(result.method),
        word(comparison.design.describe(result.best.values)),
        number(estimate.mean, wording.value(estimate.mean)),
        number(estimate.low, wording.value(estimate.low)),
        number(estimate.high, wording.value(estimate.high)),
        number(estimate.deviation, wording.value(estimate.deviation)),
        number(estimate.n, str(estimate.n)),
        word(from_seeds),
        number(gap.mean, wording.signed(gap.mean)) if gap and not is_base else word(""),
        number(gap.low, wording.signed(gap.low)) if gap and not is_base else word(""),
        number(gap.high, wording.signed(gap.high)) if gap and not is_base else word(""),
        *(_reach_cells(comparison, result) if last else [word("")] * 3),
        *recorded_cells(spent, over=MEDIAN).values(),
        number(len(result.trials), str(len(result.trials))),
        number(result.n_diverged, str(result.n_diverged)),
    ]


def _reach_cells(comparison: Comparison, result: Result) -> list[Cell]:
    reach = time_to_target_of(comparison, result)
    if reach is None or reach.kind == NOT_REACHED:
        return [word(""), word(""), word(NOT_REACHED)]
    mark = "" if reach.kind == ENDS else f" ({reach.kind})"
    return [
        number(reach.steps, f"{wording.count(round(reach.steps, 1))}{mark}"),
        number(reach.seconds, f"{wording.duration(reach.seconds)}{mark}"),
        word(reach.kind),
    ]


def time_to_target_of(comparison: Comparison, result: Result) -> TimeToTarget | None:
    """What a method took to the target of a result's task."""
    mine = (r for r in comparison.reaches if (r.method, r.task) == (result.method, result.task))
    return next(mine, None)


def recorded_cells(spent: Spent, *, over: str) -> dict[str, Cell]:
    """What the records of a method's runs say that comparisons show: by its label, in its form."""
    shown = {name: each for name, each in SHOWN.items() if each.over == over}
    forms = {name: getattr(wording, each.form) for name, each in shown.items()}
    return {
        each.label: number(spent.numbers[name], forms[name](spent.numbers[name]))
        for name, each in shown.items()
    }


def data_cell(comparison: Comparison, task: str) -> Cell:
    """The name of a data set, where there are several."""
    return word(comparison.names[task] if len(comparison.names) > 1 else "")


def write_csv(path: Path, comparison: Comparison) -> None:
    """One line for each method at each length on each data set, numbers in full.

    Raises:
        UserError: the file cannot be written.
    """
    table = results_table(comparison)
    text = csv_text([table.columns, *([cell.value for cell in row] for row in table.rows)])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from error
