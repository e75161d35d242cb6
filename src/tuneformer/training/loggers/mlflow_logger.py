"""A run in MLflow.

Not Lightning's logger: that one takes the server's address from the configuration, leaves it in the
environment for whatever the process trains next, and starts another run after a resume.
"""

import re
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping
from typing import Any

from lightning_fabric.utilities.rank_zero import rank_zero_only

from tuneformer.config.flat_settings import flat_settings
from tuneformer.config.plain import Config
from tuneformer.config.shown import shown
from tuneformer.errors import UserError, reason_of
from tuneformer.process.environment import variable
from tuneformer.process.terminal import say
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.metrics_file import rows_upto
from tuneformer.runs.record import run_identifier
from tuneformer.training.loggers.mlflow_store import MlflowStore
from tuneformer.training.loggers.open_step import OpenStep, RunLogger

EXPERIMENT = "tuneformer"
PLACE = "tuneformer.run"
"""The tag by which a server's run is known to be that of a run directory."""
LONGEST_NAME, LONGEST_VALUE, LONGEST_TAG = 250, 500, 5000
"""In characters: what every server takes of a name and a value of a parameter, and of a tag."""
AT_ONCE = 100
"""Parameters that a server takes in one request."""
STATUSES = {"failed": "FAILED", "interrupted": "KILLED"}


class MLFlowRunLogger(RunLogger):
    """One run of MLflow, its steps numbered by optimizer steps done.

    It lies in <run>/mlflow/mlflow.db, or where MLFLOW_TRACKING_URI says. A restart goes on in the same run,
    and each step is there once: what an earlier attempt has logged is not logged again, and what a kill kept
    from it is logged from metrics.csv, up to `first_step`, behind which the run goes on.

    Raises:
        UserError: MLflow is not installed, or its server or database cannot be used.
    """

    def __init__(
        self,
        *,
        experiment_name: str | None,
        directory: RunDirectory,
        run_config: Config,
        first_step: int,
    ) -> None:
        super().__init__()
        self._experiment_name = experiment_name or variable("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
        self._store = MlflowStore(directory.path)
        self._place = run_identifier(directory.path)
        self._client: Any = None
        self._run_id: str | None = None
        self._there: Mapping[str, int] = {}
        self._open = OpenStep(self._log_values)
        self._failed = False
        if rank_zero_only.rank == 0:  # pyright: ignore[reportFunctionMemberAccess]
            self._begin(run_config)
            for step, row in rows_upto(directory.metrics_file, first_step):
                self.log_metrics(row, step=step - 1)

    @property
    def name(self) -> str:
        return self._experiment_name

    @property
    def version(self) -> str | None:
        return self._run_id

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self._open.add(metrics, step)

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """The parameters of the run are its configuration."""

    @rank_zero_only
    def close(self, status: str, summary: Mapping[str, Any]) -> None:
        """Ends the run with its status, which MLflow knows three of; the tag tuneformer.status has ours."""
        self._open.log()
        if self._failed:
            return
        try:
            for name, value in {"status": status, **summary}.items():
                self._client.set_tag(self._run_id, f"tuneformer.{name}", str(value))
            self._client.set_terminated(self._run_id, status=STATUSES.get(status, "FINISHED"))
        except Exception as error:  # the run has ended well, whatever becomes of its dashboard
            say(f"MLflow could not end the run: {reason_of(error)}; metrics.csv and record.json are whole")

    def _begin(self, config: Config) -> None:
        try:
            self._client = self._store.client()
            run = self._known_run() or self._new_run(config)
            self._run_id = run.info.run_id
            self._client.update_run(self._run_id, status="RUNNING")
            self._log_parameters(config, known=run.data.params)
            self._there = {metric.key: metric.step for metric in run.to_proto().data.metrics}
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"MLflow cannot keep the run in {self._store}: {reason_of(error)}") from error

    def _known_run(self) -> Any:
        """The run of earlier attempts; none where the server has none, or it is that of another directory."""
        run_id = self._store.run_id()
        if run_id is None:
            return None
        try:
            run = self._client.get_run(run_id)
        except Exception:  # an id of another server
            return None
        ours = self._store.is_local or run.data.tags.get(PLACE) == self._place
        return run if ours and run.info.lifecycle_stage == "active" else None

    def _new_run(self, config: Config) -> Any:
        experiment = self._client.get_experiment_by_name(self._experiment_name)
        if experiment is None:
            experiment_id = self._client.create_experiment(
                self._experiment_name, artifact_location=self._store.artifacts
            )
        else:
            experiment_id = experiment.experiment_id
        tags = {PLACE: self._place, "sweep": config["sweep"], "mlflow.note.content": config["notes"]}
        tags |= {"tags": ", ".join(config["tags"])}
        run = self._client.create_run(
            experiment_id,
            run_name=config["name"],
            tags={name: value[:LONGEST_TAG] for name, value in tags.items() if value},
        )
        self._store.keep_run_id(run.info.run_id)
        return run

    def _log_parameters(self, config: Config, *, known: Mapping[str, str]) -> None:
        """Logs what MLflow does not have yet: it does not let a parameter change."""
        from mlflow.entities import Param  # pyright: ignore[reportMissingImports]

        new = [Param(name, value) for name, value in _parameters(config) if name not in known]
        for start in range(0, len(new), AT_ONCE):
            self._client.log_batch(self._run_id, params=new[start : start + AT_ONCE])

    def _log_values(self, step: int, values: Mapping[str, float]) -> None:
        """Logs the values of a step that the run does not have of an earlier attempt."""
        row = {_name(name): float(value) for name, value in values.items()}
        new = {name: value for name, value in row.items() if step > self._there.get(name, 0)}
        if not new or self._failed:
            return
        from mlflow.entities import Metric  # pyright: ignore[reportMissingImports]

        now = int(time.time() * 1000)
        try:
            self._client.log_batch(
                self._run_id, metrics=[Metric(name, value, now, step) for name, value in new.items()]
            )
        except Exception as error:  # a dashboard that breaks must not end a run that trains
            self._failed = True
            say(f"MLflow has stopped: {reason_of(error)}; metrics.csv goes on")


def _parameters(config: Config) -> Iterator[tuple[str, str]]:
    """Each setting by its full name, cut to what MLflow takes: config.yaml has all of it."""
    for path, value in flat_settings(config):
        text = shown(value)
        yield _name(path), text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


def _name(name: str) -> str:
    return re.sub(r"[^\w/. :-]", "_", name)[:LONGEST_NAME]
