"""A logger."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pytorch_lightning.loggers.logger import Logger

from tuneformer.config.setting import Setting
from tuneformer.runs.directory import RunDirectory


class JsonLines(Logger):
    """Writes the rows of the run into a file of its directory, one JSON object a line."""

    def __init__(
        self,
        *,
        directory: RunDirectory,
        run_config: dict[str, Any],
        first_step: int,
        file: Annotated[str, Setting("name of the file in the run directory")],
    ) -> None:
        super().__init__()
        self._path = directory.path / file
        self._first_step = first_step
        self._name = run_config["name"]

    @property
    def name(self) -> str:
        """That of the run."""
        return self._name

    @property
    def version(self) -> int:
        """There is one."""
        return 0

    def log_hyperparams(self, params: Any, *_: Any, **__: Any) -> None:
        """config.yaml has them."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add a line."""
        with self._path.open("a") as file:
            file.write(json.dumps({"step": step, **metrics}) + "\n")
