"""From the arguments of --multirun to its points: one list of overrides for each combination of values."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice, product

from hydra.core.override_parser.types import Override

from tuneformer.config.shown import printable
from tuneformer.errors import UserError, reason_of
from tuneformer.runs.identity import is_outside_the_weights

Point = tuple[str, ...]

OF_THE_SWEEP = ("sweep", "preflight", "retry_failed")
FOR_ALL_JOBS = re.compile(r"[+~]*(launcher|search|hydra)(?![^./@])")
ALWAYS_NAMED = "seed"
MOST_JOBS = 100_000


def points_of(overrides: Sequence[Override]) -> list[Point]:
    """Every combination of the values given, without the name of the sweep.

    Raises:
        UserError: a value given twice, a range without end, or a folder that each job has for itself.
    """
    _check(overrides)
    values: dict[str, list[str]] = {}  # of a key that is given twice the last counts, as in a single run
    for override in overrides:
        if override.get_key_element() != "sweep" and not override.is_hydra_override():
            values[override.get_key_element()] = _values(override)
    _check_number(math.prod(map(len, values.values())), " ".join(o.input_line or "" for o in overrides))
    return list(product(*values.values()))


def named_keys(overrides: Sequence[Override]) -> frozenset[str]:
    """The keys that a job's folder is named by: those with several values, and the seed.

    Where there is none of them, every key that has to do with what is trained.
    """
    keys = swept_keys(overrides)
    given = {override.get_key_element() for override in overrides}
    keys |= given & {ALWAYS_NAMED}
    return keys or frozenset(key for key in given if determines(key))


def swept_keys(overrides: Sequence[Override]) -> frozenset[str]:
    """The keys with several values."""
    return frozenset(o.get_key_element() for o in overrides if o.is_sweep_override())


def key_of(override: str) -> str:
    """The setting that an override sets, its sign of addition included."""
    return override.split("=", 1)[0]


def determines(key: str) -> bool:
    """Whether a key has to do with what is trained: not where, how visibly, or under which name."""
    name = key.lstrip("+~").partition("@")[0]
    group = name.partition(".")[0]
    return not any(
        is_outside_the_weights(key) or key in (*OF_THE_SWEEP, "callbacks") for key in (name, group)
    )


def _values(override: Override) -> list[str]:
    key = override.get_key_element()
    if not override.is_sweep_override():
        # a deletion without a value would become one of the value null, a longer list another list
        as_typed = override.is_list_extend() or (override.is_delete() and override.value() is None)
        if as_typed and override.input_line is not None:
            return [override.input_line]
        return [f"{key}={override.get_value_element_as_str()}"]
    if not override.is_discrete_sweep():
        raise UserError(f"{override.input_line} has no end of values: write them out, as in seed=0,1,2")
    try:
        values = [f"{key}={value}" for value in islice(override.sweep_string_iterator(), MOST_JOBS + 1)]
    except ValueError as error:
        raise UserError(f"{override.input_line} gives no values: {reason_of(error)}") from error
    _check_number(len(values), str(override.input_line))
    if not values:
        raise UserError(f"{override.input_line} stands for no value: nothing there has such a name")
    value, times = Counter(values).most_common(1)[0]
    if times > 1:
        raise UserError(f"{override.input_line} gives {value} twice: give each value once")
    return values


def _check_number(n: int, typed: str) -> None:
    if n > MOST_JOBS:
        raise UserError(f"{printable(typed)} gives more than {MOST_JOBS:,} jobs: give fewer values")


def _check(overrides: Sequence[Override]) -> None:
    for override in overrides:
        key = override.get_key_element()
        if key == "run_dir":
            raise UserError(
                f"{override.input_line} cannot be set with --multirun: each job has its own folder below"
                " outputs/sweeps/<sweep>"
            )
        if override.is_sweep_override() and (key in OF_THE_SWEEP or FOR_ALL_JOBS.match(key)):
            reason = "names one folder for all jobs" if key == "sweep" else "holds for all jobs"
            raise UserError(f"{override.input_line} cannot have several values: it {reason}")
