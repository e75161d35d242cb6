"""Trains a ladder of small models, each tuned, that a large one is predicted from.

    %(prog)s optimizer=adamw,muon model.d_model=32,64,128 trainer.max_steps=chinchilla*0.5,1,2 budget=3h
    %(prog)s model.d_model=32,64,128 trainer.max_steps=flops*1e12,3e12 budget=400runs --dry-run

A whole number of the model that is given three values or more makes the sizes, or model.size; all else that
varies makes methods, which are tuned alike at every size and length. chinchilla*k are 20 k tokens for each
parameter, without those of embeddings and of the output matrix; flops*c is a length that costs as much at all
sizes; plain numbers are steps. A budget in runs counts those of the costliest point. --dry-run says what
would be run. The same line again goes on. It is `train --multirun search=ladder`.
"""

import math
import sys
from collections.abc import Sequence

from tuneformer.cli import ask, train
from tuneformer.cli.command_line import CommandParser
from tuneformer.errors import UserError
from tuneformer.process.terminal import show

LENGTHS = ("trainer.max_steps=", "max_steps=")
UNITS = ("chinchilla", "flops", "horizons")


def main() -> None:
    """Hands what was typed to the training command."""
    if sys.argv[1:] in (["--help"], ["-h"], []):
        show(CommandParser(__doc__).format_help().rstrip())
        return
    sys.argv[1:] = ["--multirun", "search=ladder", *in_full(sys.argv[1:])]
    train.main()


def in_full(arguments: Sequence[str]) -> list[str]:
    """The arguments with the settings of a ladder by their full names.

    Raises:
        UserError: lengths that are no positive numbers.
    """
    full = []
    for word in ask.in_full(arguments):
        name = next((each for each in LENGTHS if word.startswith(each)), "")
        if name:
            full += _lengths(word)
        else:
            full.append("preflight=only" if word == "--dry-run" else word)
    return full


def _lengths(word: str) -> list[str]:
    unit, star, values = word.partition("=")[2].partition("*")
    if not star:
        unit, values = "horizons", unit
    numbers = values.removeprefix("[").removesuffix("]").split(",")
    if (unit not in UNITS[:2] and star) or not all(map(_is_length, numbers)):
        raise UserError(
            f"{word}: must be chinchilla*0.5,1,2 (multiples of 20 tokens a parameter), flops*1e12,3e12, or"
            " numbers of steps"
        )
    values = f"[{','.join(numbers)}]"
    return [f"search.{each}={values if each == unit else 'null'}" for each in UNITS]


def _is_length(text: str) -> bool:
    try:
        return 0 < float(text) < math.inf
    except ValueError:
        return False
