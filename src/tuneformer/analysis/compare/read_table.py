"""A table of results that others published, as the trials of a comparison."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tuneformer.analysis.compare.criterion import is_lower_better
from tuneformer.analysis.compare.evidence import COPY
from tuneformer.analysis.compare.metric_direction import is_result
from tuneformer.analysis.compare.table_file import TableRow, read_rows
from tuneformer.analysis.compare.trial import METHOD, SEED, LeftOut, Trial, Trials
from tuneformer.config.suggestions import did_you_mean
from tuneformer.errors import UserError

# what a column means, by the names it goes by, whatever their case
METHODS = ("optimizer", METHOD, "scheduler", "attention")
HORIZONS = ("chinchilla_multiple", "horizon", "tokens", "steps", "max_steps")
TASK = ("task", "data", "dataset", "model")
CHANGE = ("change_from_best_setting", "change")
LOSSES = ("final_loss", "val/loss", "val_loss", "loss", "test/loss", "test_loss")
SEEDS = (SEED, "random_seed")
# no setting, and no result that is compared
BESIDE = ("name", "run", "run_id", "id", "notes", "date", "started", "index", "commit")
BASELINE = "baseline"  # in the column of changes: none


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """The columns of a table by what they mean; None where it has none. `settings` are all the others."""

    method: str
    result: str
    horizon: str | None
    task: str | None
    change: str | None
    seed: str | None
    settings: tuple[str, ...]
    not_read: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TableOfResults:
    """What a table holds: its trials, the name of its metric, and what is compared (nothing: one method)."""

    read: Trials
    metric: str
    by: tuple[str, ...]


def read_table(path: Path, *, metric: str | None, lower_is_better: bool | None = None) -> TableOfResults:
    """The rows of a CSV as trials.

    A column names the method, one the horizon, one the result; one may name the task, one the seed. A column
    of changes holds one changed setting a row (`learning_rate=0.004`), or `Baseline`. Columns of other
    results (`accuracy` beside `loss`) and of names are not read; every other column is a setting. A result
    that is empty, nan or infinite is that of a run which diverged. Without a column of seeds they are not
    known. A row that is equal to one before it is left out by name.

    Raises:
        UserError: the file cannot be read, a column that is needed is not there, or a cell is not what its
            column holds; with the file, the line and the column.
    """
    header, rows = read_rows(path)
    meaning = _meaning(path, header, metric)
    if lower_is_better is None:
        is_lower_better(meaning.result)  # raises where the name does not tell
    first: dict[tuple[str, ...], TableRow] = {}
    trials: list[Trial] = []
    left_out: list[LeftOut] = []
    for row in rows:
        same = first.setdefault(tuple(row.cells.values()), row)
        if same is row:
            trials.append(_trial(path, row, meaning))
        else:
            left_out.append(LeftOut(source=row.where, reason=COPY, instead=same.where))
    read = Trials(
        trials=tuple(trials),
        left_out=tuple(left_out),
        sources=(str(path),),
        unit=meaning.horizon or "horizon",
        provenance={},
        commands=(),
        notes=(f"columns that are no settings: {', '.join(meaning.not_read)}",) if meaning.not_read else (),
    )
    methods = {trial.settings[meaning.method.lower()] for trial in trials}
    return TableOfResults(
        read=read, metric=meaning.result, by=((meaning.method.lower(),) if len(methods) > 1 else ())
    )


def _meaning(path: Path, header: Sequence[str], metric: str | None) -> Meaning:
    method = _needed(path, header, METHODS)
    result = metric if metric is not None else _needed(path, header, LOSSES)
    if result not in header:
        raise UserError(f"--metric={result}: {path} has no such column: {did_you_mean(result, header)}")
    free = [name for name in header if name not in (method, result)]
    horizon, task, change, seed = (_named(free, names) for names in (HORIZONS, TASK, CHANGE, SEEDS))
    taken = {horizon, task, change, seed}
    return Meaning(
        method=method,
        result=result,
        horizon=horizon,
        task=task,
        change=change,
        seed=seed,
        settings=tuple(name for name in free if name not in taken and not _is_beside(name)),
        not_read=tuple(name for name in free if name not in taken and _is_beside(name)),
    )


def _is_beside(name: str) -> bool:
    return name.lower() in BESIDE or is_result(name)


def _trial(path: Path, row: TableRow, meaning: Meaning) -> Trial:
    method = row.text(meaning.method)
    if not method:
        raise UserError(f"{row.place(meaning.method)}: the name of the method is empty")
    settings = {name: value for name in meaning.settings if (value := row.value(name)) != ""}
    settings |= _change(row, meaning.change)
    horizon = row.number(meaning.horizon) if meaning.horizon else 1.0
    if not 0 < horizon < math.inf:
        raise UserError(f"{row.place(meaning.horizon)}: {row.text(meaning.horizon)!r} is no length above 0")
    result = row.result(meaning.result)
    return Trial(
        source=row.where,
        settings={**settings, meaning.method.lower(): method},
        options={meaning.method.lower(): method},
        seed=None if meaning.seed is None else row.whole_number(meaning.seed),
        task=(row.text(meaning.task) if meaning.task else "") or path.stem,
        horizon=horizon,
        diverged=not math.isfinite(result),
        metrics={meaning.result: result},
        numbers={"steps": horizon} if (meaning.horizon or "").lower() in ("steps", "max_steps") else {},
    )


def _named(header: Sequence[str], names: Sequence[str]) -> str | None:
    for wanted in names:
        found = next((name for name in header if name.lower() == wanted), None)
        if found is not None:
            return found
    return None


def _needed(path: Path, header: Sequence[str], names: Sequence[str]) -> str:
    found = _named(header, names)
    if found is None:
        more = " (or --metric=<column>)" if names is LOSSES else ""
        raise UserError(
            f"--table={path} needs a column {' or '.join(names)}{more}: it has {', '.join(header)}"
        )
    return found


def _change(row: TableRow, column: str | None) -> dict[str, object]:
    text = row.text(column) if column else ""
    if not text or text.lower() == BASELINE:
        return {}
    key, equals, _ = text.partition("=")
    if not equals or not key.strip():
        raise UserError(
            f"{row.place(column)}: the change {text!r} is not of the form setting=value, nor Baseline"
        )
    return {key.strip(): row.parsed(text.partition("=")[2].strip())}
