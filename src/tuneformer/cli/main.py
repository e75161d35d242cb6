"""The command `tuneformer`: which of the commands beside this file is meant."""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from tuneformer.cli.command_line import fail, run_command
from tuneformer.config.suggestions import did_you_mean
from tuneformer.errors import UserError
from tuneformer.process.invocation import remember_start
from tuneformer.process.terminal import show

COMMANDS = (
    "train",
    "ask",
    "ladder",
    "preview",
    "find-lr",
    "coordinate-check",
    "status",
    "show",
    "board",
    "compare",
    "predict",
    "diagnose",
    "analyze",
    "evaluate",
    "generate",
    "export",
    "sync",
    "dashboard",
)
"""In the order in which they are wanted."""


def main() -> None:
    """Runs what was typed: `tuneformer <command> ...`."""
    program = ("python", "-m", "tuneformer") if Path(sys.argv[0]).name == "__main__.py" else ("tuneformer",)
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("--help", "-h"):
        run_command(lambda: show(overview(program)))
        return
    if name not in COMMANDS:
        fail(UserError(f"{name} is not a command of tuneformer: {did_you_mean(name, COMMANDS)}"))
    remember_start(*program, name)
    sys.argv[1:] = arguments
    run_command(_module(name).main)


def overview(program: Sequence[str]) -> str:
    """A line for each command: the first of its module's docstring."""
    words, width = " ".join(program), max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {(_module(name).__doc__ or '').splitlines()[0]}" for name in COMMANDS]
    usage = f"usage: {words} <command> ...\n\n"
    return usage + "\n".join(lines) + f"\n\n{words} <command> --help says what each of them takes."


def _module(name: str):
    return import_module(f"tuneformer.cli.{name.replace('-', '_')}")
