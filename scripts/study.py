"""Tunes every optimizer on validation, tests the best rates on fresh seeds, and prints the table.

What is there already is not trained again: the same line goes on where it was stopped (make study).
"""

import sys
from pathlib import Path

from tuneformer.cli.command_line import CommandParser, run_script
from tuneformer.config.ranges import AT_LEAST_ONE

EXPERIMENT = "optimizer_study"
ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = CommandParser(__doc__)
    parser.add_argument("overrides", nargs="*", help="settings of every run, as for train.py")
    parser.add_argument(
        "--only", default=None, help="optimizers to study, separated by commas (default: all)"
    )
    parser.add_argument("--name", default="optimizer-study", help="folder below outputs/sweeps")
    parser.add_number("--workers", AT_LEAST_ONE, default=None, what="runs at a time (default: one a core)")
    parser.add_argument(
        "--report",
        type=Path,
        default=None,
        help="page (.md) to write the table into; beside it the figure (.png) and the comparison (.html)",
    )
    given = parser.parse_args()

    from studies.method_study import Study
    from studies.optimizer_methods import choose_methods, optimizer_methods
    from studies.optimizer_report import compare_study, write_report
    from tuneformer.process.escaping_console import EscapingConsole
    from tuneformer.process.invocation import typed_command
    from tuneformer.process.terminal import say, show
    from tuneformer.report.html import write_page
    from tuneformer.report.results_table import write_csv
    from tuneformer.report.terminal import print_comparison
    from tuneformer.runs.shown_paths import shown_command
    from tuneformer.training.settings import available_cores

    study = Study(
        name=given.name,
        experiment=EXPERIMENT,
        methods=choose_methods(given.only, optimizer_methods(ROOT / "conf")),
        overrides=given.overrides,
    )
    study.run(workers=available_cores() if given.workers is None else given.workers)
    if study.records:
        comparison = compare_study(study.folder)
        print_comparison(comparison, EscapingConsole())
        write_csv(study.folder / "comparison.csv", comparison)
        command = shown_command(typed_command())
        pages = [study.folder / "comparison.html"]
        if given.report is not None:
            write_report(given.report, comparison)
            pages.append(given.report.with_suffix(".html"))
        for page in pages:
            write_page(page, comparison, title=f"Comparison: {given.name}", command=command)
            show(f"written: {page}")
    for job, error in study.errors.items():
        say(f"failed: {job.option} lr {job.rate:g} seed {job.seed}: {error}")
    if study.errors:
        sys.exit(1)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))  # the studies lie beside the library
    run_script(main)
