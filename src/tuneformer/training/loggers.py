"""Where the numbers of a run go: metrics.csv always, a dashboard if conf/logger names one.

Lightning numbers the steps it logs from 0. Here a step's number is how many optimizer steps are done.
"""

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from lightning_fabric.utilities.rank_zero import rank_zero_only
from pytorch_lightning.loggers import TensorBoardLogger, WandbLogger
from pytorch_lightning.loggers.logger import Logger

from tuneformer.config.whitelist import whitelisted
from tuneformer.errors import UserError
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.metrics_file import MetricsFile
from tuneformer.runs.record import run_identifier

Config = dict[str, Any]


class MetricsFileLogger(Logger):
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
        if self._file is None:
            self._file = MetricsFile(self._path, first_step=self._first_step)
        self._file.add((step or 0) + 1, {name: value for name, value in metrics.items() if name != "epoch"})

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """config.yaml has them."""

    @rank_zero_only
    def save(self) -> None:
        if self._file is not None:
            self._file.flush()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        self.save()


class TensorBoardRunLogger(TensorBoardLogger):
    """TensorBoard event files in <run>/tensorboard, numbered by steps done."""

    def __init__(self, *, directory: RunDirectory, run_config: Config) -> None:
        super().__init__(save_dir=directory.path, name="tensorboard", version="")

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        super().log_metrics(dict(metrics), (step or 0) + 1)


class WandbRunLogger(WandbLogger):
    """A W&B run in the run directory, with the axes trainer/step, tokens and seconds.

    Its id derives from the run directory, so that a restart appends. In a sweep each job is a run of
    its own, grouped by the sweep.
    """

    def __init__(
        self, *, mode: str, project: str, entity: str | None, directory: RunDirectory, run_config: Config
    ) -> None:
        import wandb  # heavy: only a run that logs to it pays for it

        super().__init__(
            name=run_config["name"],
            save_dir=directory.path,
            id=run_identifier(directory.path),
            project=project,
            entity=entity,
            mode=mode,
            group=run_config["sweep"],
            job_type="train",
            tags=list(run_config["tags"]),
            notes=run_config["notes"] or None,
            config=run_config,
            settings=wandb.Settings(silent=mode != "online", console="off"),
        )
        self._wandb_init.pop("anonymous", None)  # Lightning still passes what W&B warns of

    @property
    def experiment(self) -> Any:
        if self._experiment is not None:
            return super().experiment
        with _without_launch_inputs():
            run = super().experiment
        run.define_metric("trainer/step")
        run.define_metric("*", step_metric="trainer/step", step_sync=True)
        return run

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self.experiment.log({**metrics, "trainer/step": (step or 0) + 1})

    @rank_zero_only
    def close(self, status: str, summary: Mapping[str, Any]) -> None:
        """Ends the W&B run: exit status 0 if it finished or diverged, which is a result, else 1."""
        if self._experiment is None:
            return
        self.experiment.summary.update({"status": status, **summary})
        self.experiment.finish(exit_code=0 if status in ("finished", "diverged") else 1)
        self._experiment = None


@contextmanager
def _without_launch_inputs() -> Iterator[None]:
    """W&B loads its job launcher into every run (a third of a second) for inputs that nothing here stages."""
    from wandb.sdk.wandb_run import Run

    name = "_detect_and_apply_job_inputs"
    original = getattr(Run, name, None)
    if original is None:
        yield
        return
    setattr(Run, name, lambda _: None)
    try:
        yield
    finally:
        setattr(Run, name, original)


def build_loggers(
    settings: Config, *, config: Config, directory: RunDirectory, first_step: int
) -> list[Logger]:
    """The loggers of a run: metrics.csv, and each of conf/logger.

    Raises:
        UserError: a dashboard's package is not installed.
    """
    loggers: list[Logger] = [MetricsFileLogger(path=directory.metrics_file, first_step=first_step)]
    for name, logger in settings.items():
        try:
            with whitelisted():
                loggers.append(_build(logger, config=config, directory=directory))
        except ModuleNotFoundError as error:
            raise UserError(
                f"logger={name} needs a package that is not installed: pip install {name}"
            ) from error
    return loggers


def close_loggers(loggers: Sequence[Logger], status: str, summary: Mapping[str, Any]) -> None:
    """Ends what the loggers hold open."""
    for logger in loggers:
        if isinstance(logger, WandbRunLogger):
            logger.close(status, summary)


def _build(settings: Config, *, config: Config, directory: RunDirectory) -> Logger:
    build = instantiate(settings, _partial_=True, _convert_="all")
    ours = str(settings["_target_"]).startswith("tuneformer.")
    return build(directory=directory, run_config=config) if ours else build()
