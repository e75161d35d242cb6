"""The table of what methods do beside lowering the loss."""

from tuneformer.analysis.compare.comparison import Comparison
from tuneformer.analysis.compare.measures import ComparedMeasure
from tuneformer.report import wording
from tuneformer.report.results_table import data_cell
from tuneformer.report.table import Cell, Table, make_table, number, word


def measures_table(comparison: Comparison) -> Table:
    """Each measure of each method at the longest length of each data set."""
    rows = [
        [data_cell(comparison, place.task), *_row(measured, method)]
        for place in comparison.main
        for measured in place.measured
        for method in [result.method for result in place.results]
        if method in measured.estimates
    ]
    note = (
        "At the end of the runs whose result is reported. The rank correlation (Spearman) is with"
        f" {comparison.criterion.choose} over all runs of the data set that came to their end, whatever their"
        " method and setting: above 0, more of it goes with a worse result. Its 95 % interval takes runs as"
        " independent, and going together is not causing."
    )
    columns = ["data", "measure", "method", "mean", wording.LOW, wording.HIGH, "deviation", "seeds"]
    columns += ["rank correlation with the loss", f"rank, {wording.LOW}", f"rank, {wording.HIGH}", "runs"]
    return make_table("measures", "What the methods do besides", note, columns, rows)


def _row(measured: ComparedMeasure, method: str) -> list[Cell]:
    estimate, rank = measured.estimates[method], measured.with_loss
    return [
        word(measured.name),
        word(method),
        *(
            number(value, wording.measured(value))
            for value in (estimate.mean, estimate.low, estimate.high, estimate.deviation)
        ),
        number(estimate.n, str(estimate.n)),
        *(number(value, wording.signed(value, 2)) for value in (rank.rho, rank.low, rank.high)),
        number(rank.n, str(rank.n)),
    ]
