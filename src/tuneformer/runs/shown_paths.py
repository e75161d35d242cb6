"""Paths as a page shows them to others: from the working directory on, without whose machine it was."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path


def shown_path(path: str | Path) -> str:
    """The path from the working directory on; of one that lies elsewhere its name alone, behind `.../`."""
    text = str(path)
    if not text.startswith(("/", "~")):
        return text
    absolute = Path(os.path.normpath(os.path.expanduser(text)))  # noqa: PTH111 - ~ of nobody here is no error
    for root in (Path.cwd(), Path.cwd().resolve()):
        if absolute.is_relative_to(root):
            return str(absolute.relative_to(root))
    return f".../{absolute.name}"


def shown_command(words: Sequence[str]) -> str:
    """The words of a command as they are typed, the paths in them as `shown_path` shows them."""
    return shlex.join(_shown_word(word) for word in words)


def shown_line(command: str) -> str:
    """The same of a command that is one text; where it cannot be taken apart, its spaces do that."""
    try:
        return shown_command(shlex.split(command))
    except ValueError:
        return " ".join(_shown_word(word) for word in command.split(" "))


def _shown_word(word: str) -> str:
    key, equals, value = word.partition("=")
    if equals and "/" not in key:
        return f"{key}={shown_path(value)}"
    return shown_path(word)
