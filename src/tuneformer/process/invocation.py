"""How a command is written, so that whoever started this process can copy it.

Whoever typed `tuneformer train` reads `tuneformer compare ...`, and whoever typed `python train.py` in a
checkout reads `python scripts/compare.py ...`.
"""

import os
import shlex
import sys
from pathlib import Path

STARTED_AS = "TUNEFORMER_STARTED_AS"
"""The words by which this process was started; in the environment, so that the processes of its runs know."""

INSTALLED = ("tuneformer", "train")


def remember_start(*words: str) -> None:
    """From now on commands are written as these words are: `tuneformer train`, `python train.py`."""
    os.environ[STARTED_AS] = shlex.join(words)


def typed_command() -> list[str]:
    """The words that started this process and all that was typed after them; sys.argv where a program did."""
    started = os.environ.get(STARTED_AS)
    return sys.argv if started is None else [*shlex.split(started), *sys.argv[1:]]


def start_words() -> list[str]:
    """The words by which this process was started, or would be where a program did it."""
    started = os.environ.get(STARTED_AS)
    return list(INSTALLED) if started is None else shlex.split(started)


def command_for(name: str) -> str:
    """How another command is started: "tuneformer find-lr", or the words that run scripts/find_lr.py."""
    *before, last = start_words()
    script = Path(last)
    if script.suffix != ".py":
        return shlex.join([*before, name])
    root = script.parent if script.name == "train.py" else script.parent / os.pardir
    file = "train.py" if name == "train" else f"scripts/{name.replace('-', '_')}.py"
    return shlex.join([*before, os.path.normpath(root / file)])
