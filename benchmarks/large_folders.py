"""What reading costs where there is much: a sweep of thousands of jobs, a run of a million rows."""

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from benchmarks.compare_time import plain_record, write_metrics
from benchmarks.memory import peak_mib
from tuneformer.config.compose import compose_config
from tuneformer.sweeps.status import StatusReader

ROWS_OF_A_JOB = 50


def measure_status(*, jobs: int) -> tuple[float, float]:
    """Seconds of processor that a first look at a sweep takes, and a second one when nothing has changed."""
    with tempfile.TemporaryDirectory() as folder:
        plant_sweep(Path(folder), jobs=jobs)
        reader = StatusReader(Path(folder))
        seconds = []
        for _ in range(2):
            started = time.process_time()
            reader.read()
            seconds.append(time.process_time() - started)
        return seconds[0], seconds[1]


def measure_long_run(script: Path, *, rows: int) -> tuple[float, float]:
    """Seconds and peak resident MiB of scripts/compare.py over one run of so many rows."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        plant_run(run, loss=2.0, rows=rows, config=config_text())
        started = time.perf_counter()
        peak = peak_mib([str(script), str(run)])
        return time.perf_counter() - started, peak


def plant_sweep(folder: Path, *, jobs: int) -> None:
    """Writes a sweep of finished jobs, the last of them killed, with the files that a real one has."""
    config, entries = config_text(), dict[str, Any]()
    for number in range(jobs):
        name = f"optimizer.lr={1e-4 * number:g},seed={number % 3}"
        entry = {"overrides": [name], "config_hash": "", "identity": str(number), "error": None}
        entries[name] = entry
        status = "running" if number == jobs - 1 else "finished"
        plant_run(folder / name, loss=2.0, rows=ROWS_OF_A_JOB, config=config, status=status)
    (folder / "sweep.json").write_text(json.dumps({"jobs": entries}, indent=2), encoding="utf-8")


def plant_run(folder: Path, *, loss: float, rows: int, config: str, status: str = "finished") -> None:
    """Writes one run directory."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(config, encoding="utf-8")
    record = plain_record(loss, rows) | {"status": status}
    (folder / "record.json").write_text(json.dumps(record), encoding="utf-8")
    write_metrics(folder / "metrics.csv", loss, rows)


def config_text() -> str:
    """The config.yaml of a default run."""
    config = OmegaConf.to_container(compose_config([])[0], resolve=True)
    return OmegaConf.to_yaml(OmegaConf.create(config))
