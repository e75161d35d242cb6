"""The memory of this machine, and what is said of sizes that it does not hold; nothing here imports torch."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tuneformer.errors import UserError

LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def available_bytes() -> int | None:
    """Memory that can still be had, by the system and by the limit of its control group; None: unknown."""
    found = [bound for file in LIMITS if (bound := _number_in(Path(file))) is not None]
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        lines = (line.split() for line in meminfo.read_text(encoding="ascii").splitlines())
        found += [int(words[1]) * 1024 for words in lines if words and words[0] == "MemAvailable:"]
    else:
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min(found, default=None)


@dataclass(frozen=True, kw_only=True)
class Room:
    """How much memory there is for something.

    Attributes:
        n_bytes: None where nobody knows.
        owner: whose it is.
        left: whether it is what others have left of it.
    """

    n_bytes: int | None
    owner: str
    left: bool = False

    def check_holds(self, what: str, needed: int | float, *, lower: str) -> None:
        """Raise UserError where `what` needs more bytes than there are.

        `lower`: the settings that make it so large.
        """
        if self.n_bytes is not None and needed > self.n_bytes:
            there = f"{in_gib(self.n_bytes)} GiB of memory{' left' * self.left}"
            raise UserError(
                f"{what} at least {in_gib(needed)} GiB and {self.owner} has {there}: lower {lower}"
            )


def room_here() -> Room:
    """What this machine has left."""
    return Room(n_bytes=available_bytes(), owner="this machine", left=True)


def largest_two(settings: Mapping[str, int]) -> str:
    """The settings with the two largest values, as a message names them."""
    names = sorted(settings, key=lambda name: settings[name], reverse=True)
    return " or ".join(f"{name}={settings[name]}" for name in names[:2])


def in_gib(n_bytes: int | float) -> str:
    """A number of bytes for people."""
    return f"{n_bytes / 2**30:,.1f}"


def _number_in(file: Path) -> int | None:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
