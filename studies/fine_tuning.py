"""The table of docs/results/fine_tuning.md: what the question found, with the accuracy beside the loss.

python -m studies.fine_tuning outputs/sweeps/fine-tuning docs/results/fine_tuning.md
"""

import sys
from pathlib import Path

from tuneformer.analysis.compare.comparison import TOLERANCE, Comparison, compare
from tuneformer.analysis.compare.pairs import difference_from
from tuneformer.analysis.compare.read_runs import read_runs
from tuneformer.analysis.compare.selection import Result
from tuneformer.analysis.statistics.estimate import Estimate
from tuneformer.analysis.statistics.intervals import mean_interval
from tuneformer.errors import UserError
from tuneformer.process.terminal import show
from tuneformer.report import wording
from tuneformer.report.marked_page import replace_table

METRIC, ACCURACY, BASELINE = "val/loss", "test/accuracy", "adamw"
COLUMNS = (
    *("method", "best setting", "settings tried", "val/loss, tuned", f"test/loss {wording.INTERVAL}"),
    *(f"minus {BASELINE} {wording.INTERVAL}", f"test/accuracy {wording.INTERVAL}", "seeds"),
)


def compared(sweep: Path) -> Comparison:
    """The methods of the question, each at the setting that it chose.

    Raises:
        UserError: there are no runs, or they cannot be compared.
    """
    read = read_runs([sweep], metrics=[METRIC])
    return compare(read, metric=METRIC, by=["optimizer"], baseline=BASELINE, target=None, tolerance=TOLERANCE)


def table(comparison: Comparison) -> str:
    """A row for each method, the best first; figures of the seeds that report it."""
    (place,) = comparison.main
    edges = {curve.method for curve in comparison.curves if curve.edge}
    baseline = next(result for result in place.results if result.method == comparison.baseline)
    rows = [COLUMNS, tuple("---" for _ in COLUMNS)]
    for result in place.results:
        setting = comparison.design.describe(result.best.values)
        gap = difference_from(result, baseline, comparison.criterion)
        rows.append(
            (
                result.method,
                f"{setting} (edge)" if result.method in edges else setting,
                str(len(result.settings)),
                wording.value(result.best.score),
                wording.with_interval(result.estimate),
                "0" if result is baseline else wording.signed_with_interval(gap),
                wording.with_interval(accuracy_of(result), digits=3),
                str(result.estimate.n),
            )
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def accuracy_of(result: Result) -> Estimate:
    """The share of the test sentences that a method names right, over its seeds."""
    return mean_interval([trial.value(ACCURACY) for trial in result.reported])


def main(sweep: str, page: str) -> None:
    """Put the table between the marks of the page, and print it."""
    made = table(compared(Path(sweep)))
    show(made)
    replace_table(Path(page), made)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except UserError as error:
        sys.exit(f"error: {error}")
