"""Tunes the rate of every attention module at equal parameters, tests on fresh seeds, and prints the table.

What is there already is not trained again: the same line goes on where it was stopped (make study-attention).
"""

import os
import sys
from pathlib import Path

from tuneformer.cli.command_line import CommandParser, run_script
from tuneformer.config.ranges import AT_LEAST_ONE

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = CommandParser(__doc__)
    parser.add_argument("overrides", nargs="*", help="settings of every run, as for train.py")
    parser.add_argument("--only", default=None, help="modules to study, separated by commas (default: all)")
    parser.add_argument("--name", default="attention-study", help="folder below outputs/sweeps")
    parser.add_number("--workers", AT_LEAST_ONE, default=None, what="runs at a time (default: one a core)")
    parser.add_argument("--report", type=Path, default=None, help="page to write the table into")
    given = parser.parse_args()
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # torch's profiler tells of each time that it starts

    from studies.attention_methods import EXPERIMENT, attention_methods
    from studies.attention_table import PAGE, markdown, measure_costs
    from studies.method_rows import make_rows
    from studies.method_study import Study
    from studies.tuned_method import choose_methods
    from tuneformer.process.terminal import say, show
    from tuneformer.report.marked_page import replace_table
    from tuneformer.runs.files import write_text
    from tuneformer.training.settings import available_cores

    study = Study(
        name=given.name,
        experiment=EXPERIMENT,
        methods=choose_methods(given.only, attention_methods(ROOT / "conf")),
        overrides=given.overrides,
    )
    study.run(workers=available_cores() if given.workers is None else given.workers)
    rows = make_rows(list(study.tunings.values()), study.test_losses)
    table = markdown(rows, measure_costs(study, rows))
    show(table)
    if given.report is not None:
        if not given.report.exists():
            write_text(given.report, PAGE)
        replace_table(given.report, table)
    for job, error in study.errors.items():
        say(f"failed: {job.option} lr {job.rate:g} seed {job.seed}: {error}")
    if study.errors:
        sys.exit(1)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))  # the studies lie beside the library
    run_script(main)
