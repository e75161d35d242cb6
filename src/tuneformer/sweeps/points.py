"""From the arguments of --multirun to its points: one list of overrides for each combination of values."""

from collections.abc import Sequence

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from tuneformer.errors import UserError
from tuneformer.runs.identity import NOT_THE_WEIGHTS

Point = tuple[str, ...]

OF_THE_SWEEP = ("sweep", "preflight", "retry_failed")
ALWAYS_NAMED = "seed"


def points_of(overrides: Sequence[Override]) -> list[Point]:
    """Every combination of the values given, without the name of the sweep.

    Raises:
        UserError: a range of values that no grid can have, or a folder that each job has for itself.
    """
    _check(overrides)
    mine = [override for override in overrides if override.get_key_element() != "sweep"]
    try:
        batches = BasicSweeper.split_arguments(mine, None)
    except HydraException as error:
        raise UserError(f"{error}: write the values out, as in seed=0,1,2") from error
    # Hydra writes a part that is dropped, `~key`, as `~key=null`, and then finds another value there
    typed = {f"{each.get_key_element()}=null": each.input_line for each in mine if each.is_delete()}
    return [tuple(str(typed.get(text, text)) for text in point) for point in batches[0]]


def named_keys(overrides: Sequence[Override]) -> frozenset[str]:
    """The keys that a job's folder is named by: those with several values, and the seed.

    Where there is none of them, every key that has to do with what is trained.
    """
    keys = {override.get_key_element() for override in overrides if override.is_sweep_override()}
    given = {override.get_key_element() for override in overrides}
    keys |= given & {ALWAYS_NAMED}
    return frozenset(keys or {key for key in given if _determines(key)})


def key_of(override: str) -> str:
    """The setting that an override sets, its sign of addition included."""
    return override.split("=", 1)[0]


def _determines(key: str) -> bool:
    name = key.lstrip("+~").partition("@")[0]
    group = name.partition(".")[0]
    ours = {*NOT_THE_WEIGHTS, *OF_THE_SWEEP, "callbacks"}
    return name not in ours and group not in ours


def _check(overrides: Sequence[Override]) -> None:
    for override in overrides:
        key = override.get_key_element()
        if key == "run_dir":
            raise UserError(
                f"{override.input_line} cannot be set with --multirun: each job has its own folder below"
                " outputs/sweeps/<sweep>"
            )
        if override.is_sweep_override() and (
            key in OF_THE_SWEEP or key.split(".")[0] in ("launcher", "search")
        ):
            reason = "names one folder for all jobs" if key == "sweep" else "holds for all jobs"
            raise UserError(f"{override.input_line} cannot have several values: it {reason}")
