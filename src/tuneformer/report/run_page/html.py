"""The page of a run as one HTML file that asks nothing of any network."""

from pathlib import Path

from tuneformer.errors import UserError
from tuneformer.process.invocation import command_for
from tuneformer.report.page_names import RUN_PAGE
from tuneformer.report.run_page.content import RunContent, read_content
from tuneformer.report.shell import PANEL_STYLES, PANELS, render_shell, script_json
from tuneformer.runs.files import write_text
from tuneformer.runs.links import check_no_way_out
from tuneformer.runs.shown_paths import shown_path

PAGE = Path(__file__).parent / "page"


def write_page(run: Path) -> Path:
    """Writes report.html into a run directory, whole or not at all; returns its path.

    Raises:
        UserError: it is no run, nothing was measured yet, a link in it leads elsewhere, or the file cannot
            be written.
    """
    file = run / RUN_PAGE
    text = render_page(read_content(run))
    check_no_way_out(run)
    try:
        write_text(file, text)
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}") from error
    return file


def render_page(run: RunContent) -> str:
    """The whole page as text. Whatever comes from the run directory is escaped."""
    shown = shown_path(run.path)
    return render_shell(
        PAGE / "run.html.j2",
        styles=[*PANEL_STYLES, PAGE / "run.css"],
        scripts=[*PANELS, PAGE / "run.js"],
        title=run.name,
        run=run,
        place=shown,
        analyze=f"{command_for('analyze')} {shown}",
        command=run.command,
        content=script_json([panel.as_json() for panel in run.panels]),
    )
