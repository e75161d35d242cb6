"""The runs of a ladder as sweeps of each method, size and length."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

from tuneformer.analysis.laws.ladder_file import LadderEntry, LadderFile, read_ladder
from tuneformer.analysis.laws.landscape import RateSweep, SweptRun
from tuneformer.config.plain import Config
from tuneformer.errors import UserError
from tuneformer.runs.directory import read_config_file
from tuneformer.runs.identity import config_hash
from tuneformer.runs.record import ENDED, RunRecord, read_record
from tuneformer.runs.trial_roles import CHECK, REPORT

RATE, DECAY = "lr", "weight_decay"


@dataclass(frozen=True, kw_only=True)
class LadderSweep:
    """What was run at a point of a ladder.

    Attributes:
        entry: the point.
        sweep: its runs that came to their end; a setting that was repeated is one run with the mean loss.
        diverged: how many did not.
        tokens_per_second: the median; NaN where no run says it.
        epochs: how often the training text was read.
    """

    entry: LadderEntry
    sweep: RateSweep
    diverged: int
    tokens_per_second: float
    epochs: float


@dataclass(frozen=True, kw_only=True)
class LadderRuns:
    """A ladder with its runs.

    Attributes:
        ladder: what was planned.
        sweeps: by method, those points at which a run came to its end.
        lost: by method, the points at which none did.
        vocab_size: of all models; None where they have none.
    """

    ladder: LadderFile
    sweeps: dict[str, tuple[LadderSweep, ...]]
    lost: dict[str, tuple[LadderEntry, ...]]
    vocab_size: int | None


@dataclass(frozen=True, kw_only=True)
class _LadderRun:
    config: Config
    record: RunRecord
    loss: float


def read_ladder_runs(folder: Path) -> LadderRuns:
    """The runs of a ladder's folder that have ended.

    Raises:
        UserError: it is no ladder's, or no run has ended.
    """
    ladder = read_ladder(folder)
    by_entry = defaultdict[str, list[_LadderRun]](list)
    for file in sorted(folder.glob("*/record.json")):
        record = read_record(file)
        role = record.search.get("role")
        if record.status not in ENDED or role is None or role == CHECK:
            continue
        value = record.final.get(ladder.metric) if record.status == "finished" else None
        loss = math.inf if value is None or not math.isfinite(value) else float(value)
        name = str(record.search.get("study")).rpartition("/")[2]
        by_entry[name].append(
            _LadderRun(config=read_config_file(file.parent / "config.yaml"), record=record, loss=loss)
        )
    if not any(math.isfinite(run.loss) for runs in by_entry.values() for run in runs):
        raise UserError(f"{folder}: no run of the ladder has come to its end")
    sweeps: dict[str, tuple[LadderSweep, ...]] = dict.fromkeys(ladder.given, ())
    lost: dict[str, tuple[LadderEntry, ...]] = dict.fromkeys(ladder.given, ())
    for entry in ladder.entries:
        runs = by_entry[entry.name]
        if any(math.isfinite(run.loss) for run in runs):
            sweeps[entry.method] += (_sweep_of(entry, runs),)
        else:
            lost[entry.method] += (entry,)
    first = next(run for runs in by_entry.values() for run in runs)
    vocab_size = first.config["model"].get("vocab_size")
    return LadderRuns(ladder=ladder, sweeps=sweeps, lost=lost, vocab_size=vocab_size)


def _sweep_of(entry: LadderEntry, runs: Sequence[_LadderRun]) -> LadderSweep:
    whole = [run for run in runs if math.isfinite(run.loss)]
    repeated = defaultdict[str, list[_LadderRun]](list)
    for run in whole:
        repeated[config_hash({**run.config, "seed": 0})].append(run)
    reported = sorted(
        (run for run in whole if run.record.search["role"] == REPORT), key=lambda run: run.config["seed"]
    )
    speeds = [speed for run in whole if (speed := run.record.tokens_per_second) is not None]
    return LadderSweep(
        entry=entry,
        sweep=RateSweep(
            parameters=entry.parameters,
            tokens=entry.tokens,
            runs=tuple(_cell(same) for same in repeated.values()),
            reported=tuple(run.loss for run in reported),
        ),
        diverged=len(runs) - len(whole),
        tokens_per_second=median(speeds) if speeds else math.nan,
        epochs=max((run.record.epochs or 0.0 for run in whole), default=0.0),
    )


def _cell(runs: Sequence[_LadderRun]) -> SweptRun:
    optimizer = runs[0].config["optimizer"]
    return SweptRun(
        learning_rate=_number(optimizer.get(RATE), least=1e-300),
        batch_size=float(runs[0].config["data"]["batch_size"]),
        weight_decay=_number(optimizer.get(DECAY), least=0.0),
        loss=fmean(run.loss for run in runs),
    )


def _number(value: Any, *, least: float) -> float:
    """A setting that optimizers without it count as 1."""
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known and value >= least else 1.0 if not known else least
