"""The settings and options in which runs differ."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tuneformer.analysis.compare.option_names import label_of_target, target_of
from tuneformer.analysis.compare.trial import METHOD, MISSING, Trial
from tuneformer.config.schema import GROUPS

OPTION = "_target_"


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """One way in which runs differ: the option of a group, or a single setting.

    `by_source` has the value of every run; `values` are the different ones, sorted.
    """

    key: str
    short: str
    is_group: bool
    values: tuple[object, ...]
    by_source: Mapping[str, object] = field(repr=False)

    @property
    def is_numeric(self) -> bool:
        """Whether every value is a number or a list of numbers (MISSING apart)."""
        return all(_numeric(value) for value in self.values if value != MISSING)

    def value(self, trial: Trial) -> object:
        """A run's value."""
        return self.by_source[trial.source]

    def label(self, trial: Trial) -> str:
        """A run's value as a part of its method's name."""
        value = self.value(trial)
        if self.is_group or self.key == METHOD:
            return str(value)
        return f"{self.short}={_told_apart(value)}"

    def rank(self, value: object) -> int:
        """The place of a value among all, numbers by size."""
        return self.values.index(value)

    def within(self, group: "Dimension") -> bool:
        """Whether this is a setting of that group."""
        return group.is_group and self.key.startswith(f"{group.key}.")

    def varies_within(self, trials: Sequence[Trial], others: Sequence["Dimension"]) -> bool:
        """Whether runs that agree in `others` may differ here."""
        seen: dict[tuple[object, ...], object] = {}
        for trial in trials:
            place = tuple(other.value(trial) for other in others)
            if seen.setdefault(place, self.value(trial)) != self.value(trial):
                return True
        return False

    def described(self, most: int, shown: Callable[[object], str]) -> str:
        """The key with its values."""
        values = [shown(value) for value in self.values if value != MISSING]
        more = ", ..." if len(values) > most else ""
        return f"{self.key} ({', '.join(values[:most])}{more})"


def dimensions_of(trials: Sequence[Trial]) -> list[Dimension]:
    """Everything in which the runs differ: options of groups first, in the order of conf/train.yaml."""
    groups = [each for group in GROUPS if (each := _group_dimension(group, trials)) is not None]
    keys = sorted({key for trial in trials for key in trial.settings})
    singles = []
    for key in keys:
        by_source = {trial.source: trial.setting(key) for trial in trials}
        values = set(by_source.values())
        if len(values) > 1 and not key.endswith(OPTION) and key not in GROUPS:
            singles.append((key, by_source, values))
    names = [key.rpartition(".")[2] for key, _, _ in singles]
    return groups + [
        Dimension(
            key=key,
            short=short if names.count(short) == 1 else key,
            is_group=False,
            values=_sorted(values),
            by_source=by_source,
        )
        for (key, by_source, values), short in zip(singles, names, strict=True)
    ]


def _group_dimension(group: str, trials: Sequence[Trial]) -> Dimension | None:
    by_source = _option_names(group, trials)
    values = set(by_source.values())
    if len(values) < 2:
        return None
    return Dimension(key=group, short=group, is_group=True, values=_sorted(values), by_source=by_source)


def _option_names(group: str, trials: Sequence[Trial]) -> dict[str, object]:
    """The option of each run, by name; runs whose settings of the group are the same have one name.

    Where a run of an older version does not say its own, it has that of a run of the same classes, or theirs.
    """
    targets = {trial.source: target_of(group, trial.settings) for trial in trials}
    same: dict[object, str] = {}
    known: dict[str, str] = {}
    for trial in trials:
        if group in trial.options:
            same.setdefault(_of_group(group, trial), trial.options[group])
            known.setdefault(targets[trial.source], trial.options[group])
    return {
        trial.source: same.get(_of_group(group, trial))
        or known.get(targets[trial.source])
        or label_of_target(targets[trial.source])
        or MISSING
        for trial in trials
    }


def _of_group(group: str, trial: Trial) -> object:
    return tuple(sorted((key, repr(value)) for key, value in trial.settings.items() if _is_in(key, group)))


def _is_in(key: str, group: str) -> bool:
    return key == group or key.startswith(f"{group}.")


def _told_apart(value: object) -> str:
    """A value so that no other one reads the same."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return str(value)


def _numeric(value: object) -> bool:
    if isinstance(value, tuple):
        return all(_numeric(each) for each in value)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _sorted(values: set[object]) -> tuple[object, ...]:
    return tuple(sorted(values, key=_order))


def _order(value: object) -> tuple[object, ...]:
    """Nothing first, then numbers by size, then lists by their elements, then words."""
    if value is None:
        return (0,)
    if isinstance(value, int | float):
        return (1, not math.isnan(value), value)
    if isinstance(value, tuple):
        return (2, tuple(_order(each) for each in value))
    return (3, str(value))
