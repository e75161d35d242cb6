"""A logger."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from lightning_fabric.utilities.rank_zero import rank_zero_only
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
        self._name = run_config["name"]
        self._forget_beyond(first_step)

    @rank_zero_only
    def _forget_beyond(self, step: int) -> None:
        """Drop the rows that a killed attempt wrote behind the checkpoint that the run goes on from."""
        if self._path.exists():
            rows = self._path.read_text().splitlines()
            self._path.write_text("".join(f"{row}\n" for row in rows if json.loads(row)["step"] <= step))

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

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add a line."""
        with self._path.open("a") as file:
            file.write(json.dumps({"step": step, **metrics}) + "\n")
