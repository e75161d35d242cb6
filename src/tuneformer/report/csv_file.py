"""The results of a comparison as comparison.csv."""

import csv
import io
from pathlib import Path

from tuneformer.analysis.comparison import Comparison
from tuneformer.errors import UserError
from tuneformer.report.results_table import results_table
from tuneformer.runs.files import write_text


def write_csv(path: Path, comparison: Comparison) -> None:
    """One line for each method at each length on each data set, numbers in full.

    Raises:
        UserError: the file cannot be written.
    """
    table = results_table(comparison)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(table.columns)
    for row in table.rows:
        writer.writerow(["" if cell.value is None else cell.value for cell in row])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, buffer.getvalue())
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from error
