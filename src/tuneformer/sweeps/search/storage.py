"""Where the trials of a search are kept: SQLite in the sweep's folder, or a database for many machines."""

from pathlib import Path

TRIALS = "trials.db"


def storage_url(setting: str | None, folder: Path) -> str:
    """search.storage, or (null) a file in the sweep's folder."""
    return setting or f"sqlite:///{(folder / TRIALS).resolve()}"
