"""Where MLflow keeps a run: a database in the run directory, or where MLFLOW_TRACKING_URI says.

No configuration says where. MLflow itself refuses to keep runs in plain files.
"""

import logging
import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tuneformer.errors import UserError, reason_of
from tuneformer.process.environment import variable
from tuneformer.runs.files import write_text
from tuneformer.runs.regular_file import check_regular, open_regular, read_regular

FOLDER, DATABASE, RUN_ID = "mlflow", "mlflow.db", "run_id.txt"
PACKAGES = ("mlflow", "sqlalchemy", "alembic")
END_OF_SUPER_JOURNAL = bytes.fromhex("d9d505f920a163d7")
"""How a journal of SQLite ends that names another file, which SQLite would delete."""
_RUN_ID = re.compile(r"[0-9A-Za-z][\w-]{0,255}", re.ASCII)


class MlflowStore:
    """What a run directory has of MLflow: its database, unless a server has the run, and the id of its run.

    Raises:
        UserError: MLflow is not installed, or the database is none that may be opened.
    """

    def __init__(self, run: Path) -> None:
        if any(find_spec(package) is None for package in PACKAGES):
            raise UserError(
                "MLflow or what its database needs is not installed: pip install 'tuneformer[mlflow]'"
            )
        self._folder = run.resolve() / FOLDER
        self._elsewhere = variable("MLFLOW_TRACKING_URI")

    def __str__(self) -> str:
        return str(self._folder / DATABASE) if self.is_local else "MLFLOW_TRACKING_URI"

    @property
    def is_local(self) -> bool:
        """Whether the run is kept in its own directory."""
        return self._elsewhere is None

    @property
    def artifacts(self) -> str | None:
        """Where a new experiment keeps files; None: where the server says."""
        return (self._folder / "artifacts").as_uri() if self.is_local else None

    def client(self) -> Any:
        """An MlflowClient that sends nothing but to the place of the run."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        self._folder.mkdir(exist_ok=True)
        if self.is_local:
            _check_database(self._folder / DATABASE)
        # heavy: only a run that logs to it pays for it
        from mlflow import MlflowClient  # pyright: ignore[reportMissingImports]

        logging.getLogger("mlflow").setLevel(logging.WARNING)
        return MlflowClient(tracking_uri=self._elsewhere or _address(self._folder / DATABASE))

    def run_id(self) -> str | None:
        """The id of the run that earlier attempts made."""
        try:
            text = read_regular(self._folder / RUN_ID, at_most=1000).decode("ascii").strip()
        except (OSError, ValueError):
            return None
        return text if _RUN_ID.fullmatch(text) else None

    def keep_run_id(self, run_id: str) -> None:
        """Notes it for attempts to come."""
        write_text(self._folder / RUN_ID, f"{run_id}\n")


def _address(database: Path) -> str:
    from sqlalchemy.engine import URL

    # with its driver: of sqlite:///... MLflow makes the folder by its quoted name
    return URL.create("sqlite+pysqlite", database=str(database)).render_as_string()


def _check_database(database: Path) -> None:
    """Raises UserError where opening the database would hang, or delete another file."""
    try:
        if database.exists():
            check_regular(database)
        journal = database.with_name(f"{database.name}-journal")
        if journal.exists():
            with open_regular(journal) as file:
                file.seek(max(0, journal.stat().st_size - len(END_OF_SUPER_JOURNAL)))
                if file.read() == END_OF_SUPER_JOURNAL:
                    raise OSError(f"{journal.name} names another file")
    except OSError as error:
        raise UserError(f"{database} is not opened: {reason_of(error)}") from error
