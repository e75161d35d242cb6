"""Shows a run or a sweep in the browser.

    %(prog)s outputs/runs/<run>         its page: curves, diagnosis, sample, heads
    %(prog)s outputs/sweeps/<sweep>     the page of its comparison

The page of a run is written anew, that of a sweep where it has none; its path is printed.
"""

import webbrowser
from pathlib import Path

from tuneformer.cli.command_line import CommandParser


def main() -> None:
    parser = CommandParser(__doc__)
    parser.add_argument("path", type=Path, help="a run directory, or the folder of a sweep")
    parser.add_argument("--no-browser", action="store_true", help="print where the page is, and open nothing")
    given = parser.parse_args()

    from tuneformer.process.terminal import show

    page = page_of(given.path)
    show(str(page))
    if not given.no_browser:
        webbrowser.open(page.resolve().as_uri())


def page_of(path: Path) -> Path:
    """The page of a run, written anew, or of a sweep, written where it is missing.

    Raises:
        UserError: there is neither here, or nothing was measured yet.
    """
    from tuneformer.errors import UserError
    from tuneformer.report.page_names import COMPARISON_PAGE
    from tuneformer.report.run_page.html import write_page
    from tuneformer.runs.directory import RunDirectory
    from tuneformer.sweeps.ask.pages import write_comparison

    if (path / "record.json").exists():
        return write_page(path)
    if (page := path / COMPARISON_PAGE).is_file():
        return page
    first = next(iter(sorted(path.glob("*/record.json"))), None)
    if first is None:
        raise UserError(f"{path} is no run and no sweep: give outputs/runs/<run> or outputs/sweeps/<sweep>")
    metric = RunDirectory(first.parent).read_config().get("optimized_metric", "val/loss")
    write_comparison(path, metric, several_lengths=False)
    return page
