"""What varies between the runs of a sweep, and what of it is compared, tuned, or repeated."""

from collections.abc import Sequence
from dataclasses import dataclass

from tuneformer.analysis.compare.dimensions import Dimension, dimensions_of
from tuneformer.analysis.compare.trial import GRID, HORIZON, MISSING, SEED, Trial, Trials
from tuneformer.config.suggestions import did_you_mean
from tuneformer.errors import UserError

DATA, LENGTH = "data", "horizon"  # what --by calls them
BATCH = "data.batch_size"
# a number there makes another thing to compare, not a better tuned one
COMPARED_GROUPS = ("model", "attention")
SHOWN_VALUES = 8


@dataclass(frozen=True, kw_only=True)
class Design:
    """How a sweep is understood.

    Attributes:
        method: the dimensions whose values are compared; none where there is one method.
        tuning: the settings that are tuned within each method.
        beside: what differs between methods without being compared or tuned (it goes with the method).
        n_seeds, horizons, tasks: the values found.
        given: whether --by said what is compared.
        alone: whether what is compared is all that varies.
    """

    method: tuple[Dimension, ...]
    tuning: tuple[Dimension, ...]
    beside: tuple[Dimension, ...]
    seeds: tuple[int, ...]
    horizons: tuple[float, ...]
    tasks: tuple[str, ...]
    given: bool
    alone: bool

    def method_of(self, trial: Trial) -> str:
        """The name of the method that a run belongs to."""
        return ", ".join(dimension.label(trial) for dimension in self.method) or "all runs"

    def setting_of(self, trial: Trial) -> tuple[object, ...]:
        """The tuned values of a run."""
        return tuple(dimension.value(trial) for dimension in self.tuning)

    def rank_of(self, trial: Trial) -> tuple[int, ...]:
        """The place of a run's method among all, numbers by size."""
        return tuple(dimension.rank(dimension.value(trial)) for dimension in self.method)

    def setting_rank(self, setting: Sequence[object]) -> tuple[int, ...]:
        """The place of tuned values among all, numbers by size."""
        return tuple(d.rank(value) for d, value in zip(self.tuning, setting, strict=True))

    @property
    def compared_number(self) -> Dimension | None:
        """The one setting that is compared, where it is a number."""
        one = self.method[0] if len(self.method) == 1 else None
        return one if one is not None and one.is_numeric and not one.is_group else None

    def describe(self, setting: Sequence[object]) -> str:
        """Tuned values in words."""
        named = zip(self.tuning, setting, strict=True)
        return ", ".join(
            f"{dimension.short}={shown(value)}" for dimension, value in named if value != MISSING
        )

    def lines(self, unit: str) -> list[str]:
        """How the sweep was understood, a line each."""
        how = "what varies and is not a number that is tuned"
        if self.given or self.alone:
            how = "as --by says" if self.given else "all that varies"
        lines = [
            f"compared ({how}): {_listed(self.method) or 'nothing: all runs are one method'}",
            f"tuned within each: {_listed(self.tuning) or 'nothing'}",
            f"repeated: {self._repeated()}",
        ]
        lines.append(f"length: {', '.join(shown(each) for each in self.horizons)} {unit}")
        if len(self.tasks) > 1:
            lines.append(f"data: {len(self.tasks)} sets, each compared by itself")
        if self.beside:
            lines.append(
                f"goes with the method, so that its effect cannot be told apart: {_listed(self.beside)}"
            )
        return lines

    def _repeated(self) -> str:
        if not self.seeds:
            return "runs of one setting, whose seeds are not known: differences are not paired"
        seeds = ", ".join(str(seed) for seed in self.seeds[:SHOWN_VALUES])
        more = ", ..." if len(self.seeds) > SHOWN_VALUES else ""
        return f"seed ({seeds}{more})" if len(self.seeds) > 1 else "nothing: one seed"


def understand(read: Trials, *, by: Sequence[str]) -> Design:
    """What is compared, what is tuned and what is repeated; `by` names what is compared instead.

    By itself: an option of a group, a word or a flag is compared, and so is any number of model or
    attention; every other number is tuned. Where one setting varies beside the seed, it is compared, unless
    a search drew its values.

    Raises:
        UserError: `by` names what does not vary, several data sets or lengths are mixed without it, or
            the runs have nothing in common.
    """
    trials = read.trials
    tasks, horizons = sorted({t.task for t in trials}), sorted({t.horizon for t in trials})
    named = [name for name in by if name not in (DATA, LENGTH, HORIZON)]
    _check_mixed(by, tasks, horizons, read.unit)
    varying = [d for d in dimensions_of(trials) if not _is_apart(d)]
    varying = [d for d in varying if not _comes_with_option(d, varying, trials)]
    if named:
        method = [_chosen(name, varying, by) for name in named]
        rest = [d for d in varying if d not in method]
    else:
        listed = len(varying) == 1 and all(trial.sampler == GRID for trial in trials)
        method = varying if listed else [d for d in varying if _is_compared(d)]
        rest = [d for d in varying if d not in method]
    tuning = [d for d in rest if d.varies_within(trials, method)]
    beside = [d for d in rest if d not in tuning]
    method, confounded = _independent(method, trials) if not named else (method, [])
    return Design(
        method=tuple(method),
        tuning=tuple(tuning),
        beside=(*confounded, *beside),
        seeds=tuple(sorted({trial.seed for trial in trials if trial.seed is not None})),
        horizons=tuple(horizons),
        tasks=tuple(tasks),
        given=bool(named),
        alone=len(varying) == len(method) == 1,
    )


def shown(value: object) -> str:
    """A setting's value in few characters."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:g}" if int(float(f"{value:g}")) == value else str(value)
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return f"[{', '.join(shown(each) for each in value)}]"
    return str(value)


def _comes_with_option(d: Dimension, varying: Sequence[Dimension], trials: Sequence[Trial]) -> bool:
    """Whether a setting differs only as the option of its group does."""
    groups = [group for group in varying if d.within(group)]
    return bool(groups) and not d.varies_within(trials, groups)


def _is_compared(d: Dimension) -> bool:
    return d.is_group or not d.is_numeric or d.key.split(".")[0] in COMPARED_GROUPS


def _independent(method: list[Dimension], trials: Sequence[Trial]) -> tuple[list[Dimension], list[Dimension]]:
    """The dimensions that no others determine, and those that go with them."""
    kept, beside = list(method), []
    for d in reversed(method):
        others = [each for each in kept if each is not d]
        if others and not d.varies_within(trials, others):
            kept, beside = others, [d, *beside]
    return kept, beside


def _chosen(name: str, varying: Sequence[Dimension], by: Sequence[str]) -> Dimension:
    for d in varying:
        if name in (d.key, d.short):
            return d
    there = [d.key for d in varying] + [DATA, LENGTH]
    raise UserError(
        f"--by={','.join(by)}: {name} does not vary between the runs: {did_you_mean(name, there)}"
    )


def _check_mixed(by: Sequence[str], tasks: Sequence[str], horizons: Sequence[float], unit: str) -> None:
    if len(tasks) > 1 and DATA not in by:
        raise UserError(
            f"the runs are of {len(tasks)} data sets (or tokenizers, or contexts), whose losses cannot be"
            " compared: add --by data to compare within each"
        )
    if len(horizons) > 1 and not {LENGTH, HORIZON} & set(by):
        lengths = ", ".join(shown(each) for each in horizons[:SHOWN_VALUES])
        raise UserError(
            f"the runs have different lengths ({lengths} {unit}): add --by horizon to compare at each of them"
        )


def _is_apart(d: Dimension) -> bool:
    """Whether a dimension is a seed, a length or a matter of the data, which have rules of their own."""
    return d.key in (SEED, HORIZON, DATA) or (d.key.startswith("data.") and d.key != BATCH)


def _listed(dimensions: Sequence[Dimension]) -> str:
    return "; ".join(d.described(SHOWN_VALUES, shown) for d in dimensions)
