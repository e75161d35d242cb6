"""What counts as evidence: runs that ended with their number, and each of them once."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tuneformer.analysis.compare.criterion import Criterion
from tuneformer.analysis.compare.design import Design
from tuneformer.analysis.compare.trial import LeftOut, Trial, Trials
from tuneformer.errors import UserError

COPY = "copy of a run that counts"
REPEATED = (
    "the same method, setting, length and seed with another result: a run that came to its end counts before"
    " one that was pruned, of several the one that started last"
)


def with_numbers(read: Trials, criterion: Criterion) -> Trials:
    """The runs without those that finished and have no number of the metrics, which are left out by name.

    Raises:
        UserError: nothing is left.
    """
    missing = {trial.source: _missing(trial, criterion) for trial in read.trials}
    kept = tuple(trial for trial in read.trials if not missing[trial.source])
    if not kept:
        raise UserError(f"--metric={criterion.choose}: every run finished without a number of it")
    left_out = [LeftOut(source=source, reason=reason) for source, reason in missing.items() if reason]
    return replace(read, trials=kept, left_out=(*read.left_out, *left_out))


def count_once(read: Trials, design: Design, criterion: Criterion) -> Trials:
    """The runs with one result for each data set, length, method, setting and seed.

    A copy is left out by name. Of runs with different results, one that came to its end counts before one
    that was pruned, and then the one that started last. Runs whose seed is not known are never the same.

    Raises:
        UserError: results differ, and nothing says which run started last (rows of a table).
    """
    groups: dict[object, list[Trial]] = {}
    for trial in read.trials:
        place = (trial.task, trial.horizon, design.method_of(trial), design.setting_of(trial), trial.seed)
        groups.setdefault(trial.source if trial.seed is None else place, []).append(trial)
    counted = {_counted(group, criterion).source: group for group in groups.values()}
    left_out = [
        _left_out(trial, next(each for each in group if each.source == source), criterion)
        for source, group in counted.items()
        for trial in group
        if trial.source != source
    ]
    kept = tuple(trial for trial in read.trials if trial.source in counted)
    return replace(read, trials=kept, left_out=(*read.left_out, *left_out))


def _missing(trial: Trial, criterion: Criterion) -> str:
    if not trial.lived:
        return ""
    names = [name for name in criterion.names if math.isnan(trial.value(name))]
    return f"finished without a number of {' and '.join(names)}" if names else ""


def _counted(group: Sequence[Trial], criterion: Criterion) -> Trial:
    if len(group) == 1:
        return group[0]
    best = max(group, key=lambda trial: (not trial.pruned, trial.started))
    same = [trial for trial in group if _result(trial, criterion) == _result(best, criterion)]
    other = next((trial for trial in group if trial not in same), None)
    if other is not None and not best.started:
        raise UserError(
            f"{same[0].source} and {other.source}: the same method, setting, length and seed with different"
            f" results ({_told(same[0], criterion)} and {_told(other, criterion)})"
        )
    return same[0]


def _left_out(trial: Trial, counts: Trial, criterion: Criterion) -> LeftOut:
    same = _result(trial, criterion) == _result(counts, criterion)
    told = "" if same else f" ({_told(trial, criterion)}, there {_told(counts, criterion)})"
    return LeftOut(source=trial.source, reason=COPY if same else REPEATED, instead=f"{counts.source}{told}")


def _result(trial: Trial, criterion: Criterion) -> Mapping[str, float]:
    return {name: trial.value(name) for name in criterion.names}


def _told(trial: Trial, criterion: Criterion) -> str:
    if not trial.lived:
        return "diverged" if trial.diverged else "pruned"
    return ", ".join(f"{name} {value:.6g}" for name, value in _result(trial, criterion).items())
