"""What a comparison leaves on the disk: a table, a page, and what stands in a page of one's own."""

from pathlib import Path

from tuneformer.analysis.compare.comparison import Comparison
from tuneformer.report.charts.intervals import draw_intervals
from tuneformer.report.html import write_page
from tuneformer.report.markdown import markdown
from tuneformer.report.marked_page import replace_table
from tuneformer.report.page_names import COMPARISON_PAGE
from tuneformer.report.results_table import write_csv


def write_files(
    comparison: Comparison, folder: Path, *, title: str, command: str, into: Path | None = None
) -> list[Path]:
    """Write comparison.csv and comparison.html into `folder`; return all that was written.

    With a Markdown page `into` its table is replaced, and a figure and the page of the comparison stand
    beside it.

    Raises:
        UserError: a file cannot be written, or `into` has no marks for a table.
    """
    table, page = folder / "comparison.csv", folder / COMPARISON_PAGE
    write_csv(table, comparison)
    write_page(page, comparison, title=title, command=command)
    if into is None:
        return [table, page]
    figure, page_beside = into.with_suffix(".png"), into.with_suffix(".html")
    replace_table(into, markdown(comparison))
    draw_intervals(figure, comparison)
    write_page(page_beside, comparison, title=title, command=command)
    return [table, page, into, figure, page_beside]
