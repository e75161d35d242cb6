"""The cores of each process of a job, where the launcher of a sweep gave it a share of a node."""

import os
from collections.abc import Mapping

CORES = "TUNEFORMER_CORES"
OF_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def take_share(cores: int, *, launched_from: Mapping[str, str]) -> None:
    """Tells this process, and those that it starts, how many cores each of them has.

    `launched_from`: the environment of the process that launched the job. What it says of threads is the
    user's wish; what a node or Ray has set by itself is not.
    """
    os.environ[CORES] = str(cores)
    for name in OF_THREADS:
        os.environ.pop(name, None)
        if name in launched_from:
            os.environ[name] = launched_from[name]


def told_cores() -> int | None:
    """The cores of each process that a launcher told of; None where the machine's own count."""
    return positive_number(os.environ.get(CORES, ""))


def positive_number(text: str) -> int | None:
    """The first of a list of numbers, where it is a whole number above 0; None otherwise."""
    first = text.split(",")[0].strip()  # OMP_NUM_THREADS may list nested levels
    return int(first) if first.isascii() and first.isdigit() and int(first) > 0 else None
