"""Climbs from the small recipe that everybody starts from to the fastest one, and writes the page of results.

Each rung is one change, trained over several seeds in processes of its own, all rungs in turn on the text,
and the first and the last on data=shakespeare. What is there already is not trained again: the same line goes
on where it was stopped (make speedrun).
"""

import sys
from pathlib import Path

from tuneformer.cli.command_line import CommandParser, run_script
from tuneformer.config.ranges import AT_LEAST_ONE

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = CommandParser(__doc__)
    parser.add_argument("overrides", nargs="*", help="settings of every run, as for train.py")
    parser.add_argument("--text", type=Path, default=None, help="a text to climb on, rung by rung")
    parser.add_number("--seeds", AT_LEAST_ONE, default=5, what="runs of each rung (default: 5)")
    parser.add_argument("--name", default="speedrun", help="folder below outputs/sweeps")
    parser.add_argument("--report", type=Path, default=None, help="page to write into, between its marks")
    given = parser.parse_args()

    from studies.ladder import Ladder, LadderText
    from studies.ladder_report import markdown
    from studies.speedrun import RUNGS
    from tuneformer.errors import UserError
    from tuneformer.process.terminal import show
    from tuneformer.report.marked_page import replace_table

    texts = {"shakespeare": LadderText(overrides=("data=shakespeare",), ends_only=True)}
    if given.text is not None:
        if not given.text.is_file():
            raise UserError(f"--text={given.text} is not a file")
        chosen = ("data=text", f"data.path={given.text.resolve()}")
        texts = {given.text.stem: LadderText(overrides=chosen), **texts}
    ladder = Ladder(name=given.name, rungs=RUNGS, texts=texts, n_seeds=given.seeds)
    found = ladder.run(given.overrides)
    show(markdown(RUNGS, found))
    if given.report is not None:
        replace_table(given.report, markdown(RUNGS, found))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))  # the studies lie beside the library
    run_script(main)
