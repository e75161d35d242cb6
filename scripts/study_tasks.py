"""Trains every task whose result is known, and prints what came out beside what must.

What is there already is not trained again: the same line goes on where it was stopped (make study-tasks).
"""

import sys
from pathlib import Path

from tuneformer.cli.command_line import CommandParser, run_script
from tuneformer.config.ranges import AT_LEAST_ONE

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = CommandParser(__doc__)
    parser.add_argument("overrides", nargs="*", help="settings of every run, as for train.py")
    parser.add_argument("--only", default=None, help="experiments to run, separated by commas (default: all)")
    parser.add_argument("--name", default="task-study", help="folder below outputs/sweeps")
    parser.add_number("--workers", AT_LEAST_ONE, default=None, what="runs at a time (default: one a core)")
    parser.add_argument("--report", type=Path, default=None, help="page to write the table into")
    given = parser.parse_args()

    from studies.task_trials import TRIALS
    from studies.tasks import TaskStudy
    from tuneformer.errors import UserError
    from tuneformer.process.terminal import say, show
    from tuneformer.report.marked_page import replace_table
    from tuneformer.training.settings import available_cores

    known = list(dict.fromkeys(trial.experiment for trial in TRIALS))
    chosen = known if given.only is None else given.only.split(",")
    for name in chosen:
        if name not in known:
            raise UserError(f"--only={name} is not studied: there are {', '.join(known)}")
    trials = [trial for trial in TRIALS if trial.experiment in chosen]
    study = TaskStudy(name=given.name, trials=trials, overrides=given.overrides)
    study.run(workers=available_cores() if given.workers is None else given.workers)
    show(study.table())
    if given.report is not None:
        replace_table(given.report, study.table())
    for job, error in study.errors.items():
        say(f"failed: {job.name}: {error}")
    if study.errors:
        sys.exit(1)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))  # the studies lie beside the library
    run_script(main)
