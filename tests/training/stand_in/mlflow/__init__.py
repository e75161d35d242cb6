"""Stands in for MLflow where it is not installed: keeps what its client is told, in JSON at its address.

Of MLflow's own rules it has those that a caller can break: how long a value is, how many parameters are
logged at once, and that none of them changes.
"""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

from mlflow.entities import Metric, Param

SQLITE = "sqlite+pysqlite:///"


class MlflowClient:
    def __init__(self, tracking_uri: str) -> None:
        local = tracking_uri.startswith(SQLITE)
        self._file = Path(unquote(tracking_uri.removeprefix(SQLITE)) if local else tracking_uri)
        self._runs: dict[str, Any] = json.loads(self._file.read_text()) if self._file.exists() else {}

    def get_experiment_by_name(self, name: str) -> Any:
        named = [run for run in self._runs.values() if run["experiment"] == name]
        return SimpleNamespace(experiment_id=name) if named else None

    def create_experiment(self, name: str, artifact_location: str | None) -> str:
        assert artifact_location is None or artifact_location.startswith("file://")
        return name

    def create_run(self, experiment_id: str, run_name: str, tags: dict[str, str]) -> Any:
        run_id = f"run{len(self._runs)}"
        tags = {"mlflow.runName": run_name, **tags}
        self._runs[run_id] = {
            "experiment": experiment_id,
            "tags": tags,
            "params": {},
            "metrics": [],
            "status": "",
        }
        self._save()
        return self.get_run(run_id)

    def get_run(self, run_id: str) -> Any:
        run = self._runs[run_id]
        info = SimpleNamespace(run_id=run_id, lifecycle_stage="active", status=run["status"])
        latest = {key: Metric(key, value, now, step) for key, value, now, step in run["metrics"]}
        proto = SimpleNamespace(data=SimpleNamespace(metrics=[*latest.values()]))
        data = SimpleNamespace(params=run["params"], tags=run["tags"], metrics=latest)
        return SimpleNamespace(info=info, data=data, to_proto=lambda: proto)

    def search_runs(self, experiment_ids: list[str]) -> list[Any]:
        return [self.get_run(run_id) for run_id in self._runs]

    def get_metric_history(self, run_id: str, key: str) -> list[Metric]:
        logged = [Metric(*each) for each in self._runs[run_id]["metrics"]]
        return [metric for metric in logged if metric.key == key]

    def update_run(self, run_id: str, status: str) -> None:
        self.set_terminated(run_id, status)

    def set_terminated(self, run_id: str, status: str) -> None:
        self._runs[run_id]["status"] = status
        self._save()

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        self._runs[run_id]["tags"][key] = value
        self._save()

    def log_batch(
        self, run_id: str, metrics: tuple[Metric, ...] = (), params: tuple[Param, ...] = ()
    ) -> None:
        assert len(params) <= 100
        for name, value in params:
            assert len(name) <= 250
            assert len(value) <= 500
            assert self._runs[run_id]["params"].setdefault(name, value) == value
        self._runs[run_id]["metrics"] += metrics
        self._save()

    def _save(self) -> None:
        self._file.write_text(json.dumps(self._runs))
