"""Trains a Transformer and two LSTMs to translate, each for the same time, and writes the page of results.

What is there already is not trained again: the same line goes on where it was stopped (make translation).
"""

import sys
from pathlib import Path

from tuneformer.cli.command_line import CommandParser, run_script
from tuneformer.config.ranges import POSITIVE

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = CommandParser(__doc__)
    parser.add_argument("overrides", nargs="*", help="settings of every run, as for train.py")
    parser.add_number(
        "--seconds", POSITIVE, of=float, default=280.0, what="of training for each model (default: 280)"
    )
    parser.add_argument("--name", default="translation-study", help="folder below outputs/sweeps")
    parser.add_argument("--report", type=Path, default=None, help="page to write into, between its marks")
    given = parser.parse_args()

    from studies.translator_report import markdown
    from studies.translators import TranslatorStudy
    from tuneformer.process.terminal import show
    from tuneformer.report.marked_page import replace_table

    trained = TranslatorStudy(name=given.name, seconds=given.seconds, overrides=given.overrides).run()
    show(markdown(trained))
    if given.report is not None:
        replace_table(given.report, markdown(trained))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))  # the studies lie beside the library
    run_script(main)
