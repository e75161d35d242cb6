"""Folders of runs as the trials of a comparison."""

import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tuneformer.analysis.compare.curves import read_curves
from tuneformer.analysis.compare.option_names import folder_options, manifest_overrides, options_of
from tuneformer.analysis.compare.trial import GRID, HORIZON, SEED, LeftOut, Trial, Trials
from tuneformer.config.plain import Config
from tuneformer.config.suggestions import did_you_mean
from tuneformer.errors import UserError
from tuneformer.runs.directory import read_config_file
from tuneformer.runs.identity import determining
from tuneformer.runs.record import ENDED, SHOWN, STOPPED, RunRecord, has_ended, read_record
from tuneformer.runs.trial_roles import CHECK

COUNTED = (*ENDED, STOPPED)
SHOWN_RUNS = 3


def read_runs(folders: Sequence[Path], *, metrics: Sequence[str]) -> Trials:
    """Every run in or below the folders, each once, with the curves of `metrics`.

    A run that has not ended, or whose files are damaged, is left out and named.

    Raises:
        UserError: a folder is missing or holds no run, no run has ended, or no run has a metric.
    """
    found = {run.resolve(): run for folder in reversed(folders) for run in reversed(_runs_of(folder))}
    trials: list[Trial] = []
    left_out: list[LeftOut] = []
    records: list[RunRecord] = []
    given: dict[Path, dict[str, tuple[str, ...]]] = {}
    for path in reversed(found.values()):
        named = given.setdefault(path.parent, manifest_overrides(path.parent))
        try:
            record = read_record(path / "record.json")
            if record.status == STOPPED and not has_ended(record):
                left_out.append(LeftOut(source=str(path), reason="stopped by its time, before its horizon"))
                continue
            if record.status not in COUNTED:
                left_out.append(LeftOut(source=str(path), reason=str(record.status)))
                continue
            if record.search.get("role") == CHECK:
                left_out.append(LeftOut(source=str(path), reason="a run of the check of the baseline"))
                continue
            trials.append(_trial(path, record, named.get(path.name, ()), metrics))
            records.append(record)
        except UserError as error:
            left_out.append(LeftOut(source=str(path), reason=_reason(error, path)))
    if not trials:
        reasons = Counter(each.reason for each in left_out)
        told = ", ".join(f"{number} {reason}" for reason, number in reasons.most_common(SHOWN_RUNS))
        raise UserError(f"{_listed(folders)}: no run has ended ({told})")
    read = Trials(
        trials=tuple(trials),
        left_out=tuple(left_out),
        sources=tuple(str(folder) for folder in folders),
        unit="steps",
        provenance=_provenance(records),
        commands=_distinct(record.command or None for record in records),
        with_lost_rows=tuple(
            trial.source for trial, record in zip(trials, records, strict=True) if record.lost
        ),
    )
    check_metrics(read, metrics)
    return read


def check_metrics(read: Trials, metrics: Sequence[str]) -> None:
    """Raises UserError if no run that lived has one of the metrics."""
    known = read.metric_names
    for metric in metrics:
        if known and metric not in known:
            raise UserError(f"--metric={metric}: no run has it: {did_you_mean(metric, known)}")


def _runs_of(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder: give run directories, or folders of them")
    runs = sorted(_walk(folder))
    if not runs:
        raise UserError(f"{folder} holds no run: there is no record.json in it or below it")
    return runs


def _walk(folder: Path) -> Iterator[Path]:
    for path, folders, files in os.walk(folder):
        if "record.json" in files or "config.yaml" in files:
            folders.clear()
            yield Path(path)
        folders[:] = [name for name in folders if not name.startswith(".")]


def _trial(path: Path, record: RunRecord, overrides: Sequence[str], metrics: Sequence[str]) -> Trial:
    config = _read_config(path / "config.yaml")
    settings = determining(config)
    return Trial(
        source=str(path),
        settings=settings,
        options=record.options or folder_options(path.name) | options_of(overrides),
        overrides=tuple(overrides),
        seed=_whole(settings, SEED),
        task=_task(settings, record),
        horizon=float(_whole(settings, HORIZON)),
        started=str(record.started),
        diverged=record.status == "diverged",
        pruned=record.status == "pruned",
        stopped=record.status == STOPPED,
        metrics={str(name): _number(value) for name, value in record.final.items()},
        sampler=str(record.search.get("sampler") or GRID),
        role=str(record.search.get("role") or ""),
        numbers={name: _number(getattr(record, name)) for name in SHOWN},
        curves=read_curves(path / "metrics.csv", metrics),
    )


def _read_config(file: Path) -> Config:
    config = read_config_file(file)
    if "optimizer" not in config:
        raise UserError(f"{file} is damaged: it has no optimizer")
    return config


def _whole(settings: Mapping[str, Any], key: str) -> int:
    value = settings.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise UserError(f"config.yaml is damaged: {key}={value} is not a whole number")
    return value


def _task(settings: Mapping[str, Any], record: RunRecord) -> str:
    """The text of everything that a loss depends on but how it was minimised: data and tokens."""
    data = {key: value for key, value in settings.items() if key.startswith("data.")}
    data.pop("data.batch_size", None)
    return repr(sorted({**data, "data.fingerprint": record.data.get("fingerprint")}.items()))


def _number(value: Any) -> float:
    try:
        return math.nan if value is None else float(value)
    except (TypeError, ValueError):
        return math.nan


def _provenance(records: Sequence[RunRecord]) -> dict[str, tuple[str, ...]]:
    """What the runs were made with, in every attempt at each of them."""
    found: dict[str, list[Any]] = {}
    for attempt in (each for record in records for each in [*record.attempts, vars(record)]):
        git = attempt if "commit" in attempt else attempt.get("git") or {}
        dirty = " with uncommitted changes" if git.get("dirty") else ""
        found.setdefault("commit", []).append(f"{git['commit']}{dirty}" if git.get("commit") else None)
        for part in ("versions", "hardware"):
            for name, value in (attempt.get(part) or {}).items():
                found.setdefault(name, []).append(value)
    return {name: values for name, each in found.items() if (values := _distinct(each))}


def _distinct(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(value) for value in values if value is not None))


def _reason(error: UserError, path: Path) -> str:
    return str(error).replace(f"{path}{os.sep}", "")


def _listed(folders: Sequence[Path]) -> str:
    return ", ".join(str(folder) for folder in folders)
