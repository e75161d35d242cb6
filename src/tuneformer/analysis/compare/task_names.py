"""What the data sets of a comparison are called."""

from collections.abc import Sequence

from tuneformer.analysis.compare.option_names import label_of_target, target_of
from tuneformer.analysis.compare.trial import Trial

LONGEST = 40


def task_names(trials: Sequence[Trial]) -> dict[str, str]:
    """A short name for each task: its data option, and what else differs where two share it."""
    first = {trial.task: trial for trial in reversed(trials)}
    names = {task: _name(trial) for task, trial in first.items()}
    differing = _differing([*first.values()])
    named: dict[str, str] = {}
    for task in sorted(first):
        name = names[task]
        if [*names.values()].count(name) > 1:
            parts = [f"{key.removeprefix('data.')}={first[task].setting(key)}" for key in differing]
            name = " ".join([name, *parts])
        while name in named.values():
            name += "'"
        named[task] = name
    return named


def _name(trial: Trial) -> str:
    named = trial.options.get("data") or label_of_target(target_of("data", trial.settings))
    return named or trial.task[:LONGEST]


def _differing(trials: Sequence[Trial]) -> list[str]:
    keys = sorted({key for trial in trials for key in trial.settings if key.startswith("data.")})
    return [key for key in keys if len({str(trial.setting(key)) for trial in trials}) > 1]
