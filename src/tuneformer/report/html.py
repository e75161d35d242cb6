"""A comparison as one HTML file that asks nothing of any network."""

import json
from pathlib import Path
from typing import Any

from markupsafe import Markup

from tuneformer.analysis.compare.caveats import FRESH_SEEDS
from tuneformer.analysis.compare.comparison import Comparison
from tuneformer.errors import UserError
from tuneformer.report.figure import Figure, finite
from tuneformer.report.figures import all_figures
from tuneformer.report.shell import SHELL, render_shell, script_json
from tuneformer.report.summary import summary
from tuneformer.report.tables import all_tables
from tuneformer.runs.files import write_text
from tuneformer.runs.shown_paths import shown_line, shown_path

MOST_COMMANDS = 200
SERVER = "https://cloud.plotly.com/newchart"
"""Where plotly's tool bar would send a figure: the page has no such button, its script no such address."""


def write_page(path: Path, comparison: Comparison, *, title: str, command: str) -> None:
    """Writes the page.

    Raises:
        UserError: the file cannot be written.
    """
    text = render_page(comparison, title=title, command=command)
    try:
        write_text(path, text)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from error


def render_page(comparison: Comparison, *, title: str, command: str) -> str:
    """The whole page as text. Whatever comes from configurations, folders and tables is escaped."""
    read = comparison.read
    figures = all_figures(comparison)
    alive = len(read.trials)
    return render_shell(
        SHELL / "comparison.html.j2",
        styles=[SHELL / "comparison.css"],
        scripts=[SHELL / "comparison.js"],
        title=title,
        subtitle=f"{alive} runs, {len(comparison.methods)} methods, {len(comparison.names)} data sets"
        if len(comparison.names) > 1
        else f"{alive} runs, {len(comparison.methods)} methods",
        summary=summary(comparison),
        caveats=[_shown(line) for line in comparison.caveats],
        understood=comparison.design.lines(read.unit),
        tables=all_tables(comparison),
        figures=figures,
        figure_data={figure.key: script_json(with_columns(figure)) for figure in figures},
        sources=[shown_path(source) for source in read.sources],
        command=command,
        commands=[shown_line(each) for each in read.commands[:MOST_COMMANDS]],
        provenance=read.provenance,
        plotly=plotly_script(),
    )


def _shown(caveat: str) -> str:
    if not caveat.startswith(FRESH_SEEDS):
        return caveat
    before, _, command = caveat.partition(": ")
    return f"{before}: {shown_line(command)}"


def with_columns(figure: Figure) -> dict[str, Any]:
    """A figure with the numbers that it was drawn from."""
    return {**json.loads(figure.as_json()), "columns": finite(figure.columns)}


def plotly_script() -> Markup:
    """The script that draws figures, for the page itself."""
    from plotly.offline import get_plotlyjs

    script = get_plotlyjs()
    assert SERVER in script, "plotly's script names its server otherwise now: find it, and take it out"
    return Markup(script.replace(SERVER, ""))
