"""`search.grid`: the values of a grid that an experiment file lists, below those of the command line."""

from collections.abc import Mapping
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from tuneformer.config.flat_settings import flat_settings
from tuneformer.config.quoting import typed
from tuneformer.errors import UserError
from tuneformer.sweeps.points import OF_THE_SWEEP, Point, key_of

NEVER_LISTED = (*OF_THE_SWEEP, "run_dir", "experiment", "launcher", "search", "hydra")
FORM = "write search.grid: {optimizer.lr: [1e-3, 3e-3], seed: [0, 1]}"


def listed_overrides(grid: Any, point: Point, parser: OverridesParser) -> list[Override]:
    """What `search.grid` lists beyond the settings of the point, as if it had been typed.

    Each setting has a list of values, one value, or text as it is typed (`range(0,3)`). A setting of the
    command line takes the place of the list.

    Raises:
        UserError: `grid` is no group of settings, or lists what holds for all jobs.
    """
    if not grid:
        return []
    if not isinstance(grid, Mapping):
        raise UserError(f"search.grid={grid} must be a group of settings: {FORM}")
    given = {key_of(override).lstrip("+~").partition("@")[0] for override in point}
    listed = [(path, values) for path, values in flat_settings(grid) if path not in given]
    for path, _ in listed:
        if path.partition(".")[0].partition("/")[0] in NEVER_LISTED:
            raise UserError(
                f"search.grid cannot list {path}: that holds for all jobs, or is given by the sweep"
            )
    return parser.parse_overrides([f"{path}={_typed(path, values)}" for path, values in listed])


def _typed(path: str, values: Any) -> str:
    """The values as they are typed on the command line."""
    if values == []:
        raise UserError(f"search.grid.{path}=[] lists no value: {FORM}")
    if isinstance(values, list):
        return ",".join(typed(value) for value in values)
    return values if isinstance(values, str) else typed(values)
