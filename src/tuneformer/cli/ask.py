"""Asks which method is better, with a budget.

    %(prog)s optimizer=adamw,muon budget=64runs sweep=mine
    %(prog)s optimizer=adamw,muon,soap data=text data.path=my.txt budget=2h

Every combination of the values given is a method. Each is tuned alike, chosen on validation, and reported on
test with fresh seeds until the differences are clear or the budget is spent. The same line again goes on; a
larger budget goes further. It is `train --multirun search=ask` with hydra.sweeper.budget=<budget>.
"""

import sys
from collections.abc import Sequence

from tuneformer.cli import train
from tuneformer.cli.command_line import CommandParser
from tuneformer.process.terminal import show

SHORT = {
    "budget=": "hydra.sweeper.budget=",
    "detect=": "search.detect=",
    "--budget=": "hydra.sweeper.budget=",
    "--detect=": "search.detect=",
}
FLAGS = ("--budget", "--detect")


def main() -> None:
    """Hands what was typed to the training command."""
    if sys.argv[1:] in (["--help"], ["-h"], []):
        show(CommandParser(__doc__).format_help().rstrip())
        return
    sys.argv[1:] = ["--multirun", "search=ask", *in_full(sys.argv[1:])]
    train.main()


def in_full(arguments: Sequence[str]) -> list[str]:
    """The arguments with the settings of a question by their full names."""
    words, full = iter(arguments), list[str]()
    for word in words:
        joined = f"{word}={next(words, '')}" if word in FLAGS else word
        short = next((each for each in SHORT if joined.startswith(each)), "")
        full.append(SHORT.get(short, "") + joined.removeprefix(short))
    return full
