"""The results of a comparison as comparison.csv."""

from pathlib import Path

from tuneformer.analysis.comparison import Comparison
from tuneformer.errors import UserError
from tuneformer.report.results_table import results_table
from tuneformer.runs.csv_text import csv_text
from tuneformer.runs.files import write_text


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
