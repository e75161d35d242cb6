"""A table of results that others published, as the trials of a comparison."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from tuneformer.analysis.trial import SEED, Cost, Trial, Trials
from tuneformer.config.suggestions import did_you_mean
from tuneformer.errors import UserError

# what a column means, by the names it goes by
METHOD = ("optimizer", "method", "scheduler", "attention")
HORIZONS = ("chinchilla_multiple", "horizon", "tokens", "steps", "max_steps")
TASK = ("task", "data", "dataset", "model")
CHANGE = ("change_from_best_setting", "change")
LOSSES = ("final_loss", "val/loss", "val_loss", "loss", "test/loss")
BASELINE = "baseline"  # in the column of changes: none


def read_table(path: Path, *, metric: str | None) -> tuple[Trials, str, str]:
    """The rows of a CSV as trials, the name of its metric, and that of the column of methods.

    A column names the method, one the horizon, one the loss; one may name the task, one the seed. A column
    of changes holds one changed setting a row (`learning_rate=0.004`), or `Baseline`; every other column
    is a setting. A loss that is empty or not a number is that of a run which diverged.

    Raises:
        UserError: the file cannot be read, or a column that is needed is not there.
    """
    header, rows = _read(path)
    method = _column(path, header, METHOD)
    loss = metric if metric is not None else _column(path, header, LOSSES)
    if loss not in header:
        raise UserError(f"--metric={loss}: {path} has no such column: {did_you_mean(loss, header)}")
    horizon = next((name for name in HORIZONS if name in header), None)
    meaning = {"method": method, "loss": loss, "horizon": horizon}
    meaning["task"] = next((name for name in TASK if name in header and name != method), None)
    meaning["change"] = next((name for name in CHANGE if name in header), None)
    trials = [_trial(path, number, row, meaning) for number, row in enumerate(rows, start=2)]
    if not trials:
        raise UserError(f"{path} has no rows below its first line")
    read = Trials(
        trials=tuple(trials),
        left_out=(),
        sources=(str(path),),
        unit=horizon or "horizon",
        provenance={},
        commands=(),
    )
    return read, loss, method


def _trial(path: Path, number: int, row: Mapping[str, str], meaning: Mapping[str, str | None]) -> Trial:
    where = f"{path}, line {number}"
    settings = {
        name: _value(text) for name, text in row.items() if text and name not in (*meaning.values(), SEED)
    }
    settings |= _change(row.get(meaning["change"] or "", ""), where)
    method = row[str(meaning["method"])]
    loss = _number(row[str(meaning["loss"])])
    horizon = _number(row.get(meaning["horizon"] or "", "1"))
    if not math.isfinite(horizon):
        raise UserError(f"{where}: {meaning['horizon']}={row[str(meaning['horizon'])]} is not a number")
    return Trial(
        source=where,
        settings={**settings, str(meaning["method"]): method},
        options={str(meaning["method"]): method},
        seed=int(_number(row.get(SEED) or "0")),
        task=row.get(meaning["task"] or "", "") or path.stem,
        horizon=horizon,
        diverged=not math.isfinite(loss),
        metrics={str(meaning["loss"]): loss},
        cost=Cost(steps=horizon if meaning["horizon"] in ("steps", "max_steps") else math.nan),
    )


def _read(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except (OSError, ValueError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise UserError(f"--table={path} cannot be read: {reason}") from error
    header = [name for name in reader.fieldnames or [] if name]
    for number, row in enumerate(rows, start=2):
        if None in row or any(value is None for value in row.values()):
            raise UserError(f"--table={path} is damaged: line {number} does not have {len(header)} columns")
    return header, rows


def _column(path: Path, header: Sequence[str], names: Sequence[str]) -> str:
    found = next((name for name in names if name in header), None)
    if found is None:
        raise UserError(f"--table={path} needs a column {' or '.join(names)}: it has {', '.join(header)}")
    return found


def _change(text: str, where: str) -> dict[str, object]:
    if not text or text.lower() == BASELINE:
        return {}
    key, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"{where}: the change {text!r} is not of the form setting=value, nor Baseline")
    return {key: _value(value)}


def _value(text: str) -> object:
    number = _number(text)
    return text if math.isnan(number) else number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
