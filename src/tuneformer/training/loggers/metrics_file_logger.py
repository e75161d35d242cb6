"""metrics.csv, which every run writes."""

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning_fabric.utilities.rank_zero import rank_zero_only

from tuneformer.runs.metrics_file import MetricsFile
from tuneformer.training.loggers.open_step import RunLogger, steps_done


class MetricsFileLogger(RunLogger):
    """Writes metrics.csv; `first_step` is the step that the run goes on from."""

    def __init__(self, *, path: Path, first_step: int) -> None:
        super().__init__()
        self._path = path
        self._first_step = first_step
        self._file: MetricsFile | None = None

    @property
    def name(self) -> str:
        return "metrics.csv"

    @property
    def version(self) -> int:
        return 0

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        values = {name: value for name, value in metrics.items() if name != "epoch"}
        self._opened().add(steps_done(step), values)

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """config.yaml has them."""

    @rank_zero_only
    def save(self) -> None:
        """Returns once every row is on the disk: a checkpoint relies on them."""
        self._opened().sync()

    def rows(self) -> dict[str, Any]:
        """How far the file goes, for a checkpoint to say."""
        return self._opened().written.as_saved()

    def _opened(self) -> MetricsFile:
        if self._file is None:
            self._file = MetricsFile(self._path, first_step=self._first_step)
        return self._file

    @rank_zero_only
    def finalize(self, status: str) -> None:
        self.save()
