"""The comparison of a question's runs, as `tuneformer compare` writes it."""

from pathlib import Path

from tuneformer.errors import UserError
from tuneformer.process.invocation import typed_command
from tuneformer.runs.shown_paths import shown_command


def write_comparison(folder: Path, metric: str, *, several_lengths: bool) -> str:
    """Write comparison.csv and comparison.html; return their names, or why there are none."""
    from tuneformer.analysis.compare.comparison import TOLERANCE, compare
    from tuneformer.analysis.compare.read_runs import read_runs
    from tuneformer.report.comparison_files import write_files

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
    title, command = f"Comparison: {folder.name}", shown_command(typed_command())
    written = write_files(comparison, folder, title=title, command=command)
    return "".join(f", {file}" for file in written)
