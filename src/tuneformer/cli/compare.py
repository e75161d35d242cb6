"""Compares runs: the jobs of a sweep, or any others.

    %(prog)s outputs/sweeps/<sweep>

Says which method is better, by how much, how sure that is and what it rests on: a table here, and
comparison.csv and comparison.html in the first folder.
"""

import argparse
import os
from pathlib import Path

from tuneformer.cli.command_line import CommandParser
from tuneformer.config.ranges import AT_LEAST_ZERO, FINITE


def arguments() -> argparse.Namespace:
    """What was typed."""
    parser = CommandParser(__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="run directories, or folders of them")
    parser.add_argument("--table", type=Path, help="a CSV of results in place of folders")
    parser.add_argument(
        "--by",
        default="",
        help="what is compared, by commas: groups, settings; data and horizon allow several",
    )
    parser.add_argument("--metric", default=None, help="chosen by it (default: val/loss)")
    better = parser.add_mutually_exclusive_group()
    better.add_argument(
        "--higher-is-better", action="store_true", help="of the metric, where its name does not tell"
    )
    better.add_argument("--lower-is-better", action="store_true", help="the same for lower values")
    parser.add_argument("--baseline", default=None, help="a method (default: adamw)")
    parser.add_number(
        "--target", FINITE, of=float, default=None, what="of the metric (default: the baseline's end)"
    )
    parser.add_number(
        "--tolerance",
        AT_LEAST_ZERO,
        of=float,
        default=None,
        what="width of a basin, in the metric (default: 0.02)",
    )
    parser.add_argument("--to", type=Path, default=None, help="folder to write into (default: the first)")
    parser.add_argument(
        "--into",
        type=Path,
        default=None,
        help="a page.md to write the table into, between its marks; page.png and page.html stand beside it",
    )
    parser.add_argument("--measures", action="store_true", help="print measures beside the losses too")
    parser.add_argument("--wandb", action="store_true", help="the same as a W&B run")
    parser.add_argument(
        "--project", default=None, help="its W&B project (default: WANDB_PROJECT, else tuneformer)"
    )
    parser.add_argument(
        "--mode", default=os.environ.get("WANDB_MODE", "offline"), help="online or offline (default: offline)"
    )
    return parser.parse_args()


def main() -> None:
    given = arguments()

    from tuneformer.errors import UserError
    from tuneformer.report.marked_page import check_marks

    if given.mode not in ("online", "offline"):
        raise UserError(f"--mode={given.mode} must be online or offline")
    if bool(given.folders) == bool(given.table):
        raise UserError("give folders of runs or --table=<file>.csv, one of the two")
    if given.into is not None:
        check_marks(given.into)

    from tuneformer.analysis.compare.comparison import TOLERANCE, compare
    from tuneformer.analysis.compare.read_runs import read_runs
    from tuneformer.analysis.compare.read_table import read_table
    from tuneformer.process.escaping_console import EscapingConsole
    from tuneformer.process.invocation import command_for, typed_command
    from tuneformer.report.comparison_files import write_files
    from tuneformer.report.measures_table import measures_table
    from tuneformer.report.page_names import COMPARISON_PAGE
    from tuneformer.report.terminal import print_comparison, print_table
    from tuneformer.runs.shown_paths import shown_command

    by = [name for name in given.by.split(",") if name]
    metric = "val/loss" if given.metric is None else given.metric
    lower = True if given.lower_is_better else False if given.higher_is_better else None
    if given.table:
        table = read_table(given.table, metric=given.metric, lower_is_better=lower)
        read, metric = table.read, table.metric
        by = by or [*table.by, "horizon"]
    else:
        read = read_runs(given.folders, metrics=[metric])
    comparison = compare(
        read,
        metric=metric,
        by=by,
        baseline=given.baseline,
        target=given.target,
        tolerance=TOLERANCE if given.tolerance is None else given.tolerance,
        lower_is_better=lower,
    )
    folder = given.to or (given.folders[0] if given.folders else Path("outputs"))
    console = EscapingConsole()
    print_comparison(comparison, console)
    if given.measures:
        print_table(measures_table(comparison), console)
    title = "Comparison: " + ", ".join(Path(source).stem for source in read.sources)
    command = shown_command(typed_command())
    written = write_files(comparison, folder, title=title, command=command, into=given.into)
    if given.wandb:
        from tuneformer.report.wandb_comparison import log_comparison

        page = folder / COMPARISON_PAGE
        where = log_comparison(comparison, page, project=given.project, mode=given.mode, name=title)
        console.print(f"W&B run: {where}", markup=False, soft_wrap=True)
    console.print(f"written: {', '.join(map(str, written))}", soft_wrap=True)
    console.print(f"next: {command_for('show')} {folder}", markup=False, soft_wrap=True)
