"""The three files of an analysis."""

from collections.abc import Sequence
from pathlib import Path

from tuneformer.analysis.attention.analysis import AttentionAnalysis
from tuneformer.errors import UserError
from tuneformer.report.attention_page.head_rows import write_heads
from tuneformer.report.attention_page.html import write_page
from tuneformer.report.attention_page.json_file import write_json
from tuneformer.report.page_names import ATTENTION_PAGE
from tuneformer.runs.links import check_no_way_out

JSON_FILE = "attention.json"
HEADS_FILE = "heads.csv"


def write_analysis(folder: Path, analyses: Sequence[AttentionAnalysis], *, command: str) -> list[Path]:
    """Writes the page, the JSON and the CSV of one run, or of two side by side, each whole or not at all.

    Raises:
        UserError: a file cannot be written, or a link in the run directory leads out of it.
    """
    check_no_way_out(folder.parent)
    page, whole, heads = (folder / name for name in (ATTENTION_PAGE, JSON_FILE, HEADS_FILE))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_page(page, analyses, command=command)
        write_json(whole, analyses)
        write_heads(heads, analyses)
    except OSError as error:
        raise UserError(f"{error.filename or folder} cannot be written: {error.strerror}") from error
    return [page, whole, heads]
