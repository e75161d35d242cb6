"""The comparison of a question's runs, as `tuneformer compare` writes it."""

from pathlib import Path

from tuneformer.errors import UserError
from tuneformer.process.invocation import typed_command
from tuneformer.runs.shown_paths import shown_command

TOLERANCE = 0.02


def write_comparison(folder: Path, metric: str, *, several_lengths: bool) -> str:
    """Write comparison.csv and comparison.html; return their names, or why there are none."""
    from tuneformer.analysis.compare.comparison import compare
    from tuneformer.analysis.compare.read_runs import read_runs
    from tuneformer.report.html import write_page
    from tuneformer.report.results_table import write_csv

    try:
        comparison = compare(
            read_runs([folder], metrics=[metric]),
            metric=metric,
            by=["horizon"] if several_lengths else [],
            baseline=None,
            target=None,
            tolerance=TOLERANCE,
        )
    except UserError as error:
        return f"; no page: {error}"
    table, page = folder / "comparison.csv", folder / "comparison.html"
    write_csv(table, comparison)
    write_page(page, comparison, title=f"Comparison: {folder.name}", command=shown_command(typed_command()))
    return f", {table}, {page}"
