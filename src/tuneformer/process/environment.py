"""What the environment of the process says."""

import os


def variable(name: str) -> str | None:
    """An environment variable, None where it is not set or empty."""
    return os.environ.get(name, "").strip() or None
