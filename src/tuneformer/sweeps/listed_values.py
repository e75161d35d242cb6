"""`search.grid`: the values of a grid that an experiment file lists, below those of the command line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from tuneformer.config.flat_settings import flat_settings
from tuneformer.config.quoting import typed
from tuneformer.errors import UserError
from tuneformer.sweeps.points import OF_THE_SWEEP, Point, key_of, points_of

NEVER_LISTED = (*OF_THE_SWEEP, "run_dir", "experiment", "launcher", "search", "hydra")
FORM = "write search.grid: {optimizer.lr: [1e-3, 3e-3], seed: [0, 1]}"
FORM_TOGETHER = "write {'optimizer,scheduler': [[adamw, cosine], [schedule_free_adamw, warmup]]}"
TOGETHER = ","


@dataclass(frozen=True, kw_only=True)
class Listed:
    """What a file lists: its points, and every setting with its values as it would be typed."""

    points: Sequence[Point]
    overrides: Sequence[Override]


def listed_values(grid: Any, point: Point, parser: OverridesParser) -> Listed:
    """What `search.grid` lists beyond the settings of the point.

    Each setting has a list of values, one value, or text as it is typed (`range(0,3)`). Settings that
    change together share a line, as "optimizer,scheduler", with a list of a value for each. A setting of the
    command line takes the place of the list.

    Raises:
        UserError: `grid` is no group of settings, or lists what holds for all jobs.
    """
    if not grid:
        return Listed(points=[()], overrides=[])
    if not isinstance(grid, Mapping):
        raise UserError(f"search.grid={grid} must be a group of settings: {FORM}")
    given = {key_of(override).lstrip("+~").partition("@")[0] for override in point}
    flat = [(_paths(key), values) for key, values in flat_settings(grid)]
    listed = [(paths, values) for paths, values in flat if not _is_typed(paths, given)]
    _check(listed)
    single = [f"{paths[0]}={_typed(paths[0], values)}" for paths, values in listed if len(paths) == 1]
    together = [_rows(paths, values) for paths, values in listed if len(paths) > 1]
    overrides = parser.parse_overrides(single)
    points = [sum(each, ()) for each in product(points_of(overrides), *together)]
    return Listed(points=points, overrides=[*overrides, *parser.parse_overrides(_as_typed(together))])


def _paths(key: str) -> list[str]:
    return [path.strip() for path in key.split(TOGETHER)]


def _is_typed(paths: Sequence[str], given: set[str]) -> bool:
    """Whether the command line has the settings of a line; UserError where it has some of them."""
    typed_ones = [path for path in paths if path in given]
    if typed_ones and len(typed_ones) < len(paths):
        others = ", ".join(path for path in paths if path not in given)
        raise UserError(
            f"search.grid lists {', '.join(typed_ones)} together with {others}: type all of them, or none"
        )
    return bool(typed_ones)


def _check(listed: Sequence[tuple[Sequence[str], Any]]) -> None:
    every = [path for paths, _ in listed for path in paths]
    for path in every:
        if path.partition(".")[0].partition("/")[0] in NEVER_LISTED:
            raise UserError(
                f"search.grid cannot list {path}: that holds for all jobs, or is given by the sweep"
            )
        if every.count(path) > 1:
            raise UserError(f"search.grid lists {path} twice")


def _rows(paths: Sequence[str], rows: Any) -> list[Point]:
    """The overrides of each row of settings that change together."""
    key = TOGETHER.join(paths)
    if not isinstance(rows, list) or not rows:
        raise UserError(f"search.grid.{key} must be a list of combinations: {FORM_TOGETHER}")
    for row in rows:
        if not isinstance(row, list) or len(row) != len(paths):
            raise UserError(f"search.grid.{key}: {typed(row)} must be {len(paths)} values: {FORM_TOGETHER}")
    found = [tuple(f"{path}={typed(v)}" for path, v in zip(paths, row, strict=True)) for row in rows]
    for row in found:
        if found.count(row) > 1:
            raise UserError(f"search.grid.{key} lists {' '.join(row)} twice")
    return found


def _as_typed(together: Sequence[Sequence[Point]]) -> list[str]:
    """Every setting of such rows with all its values, as on a command line."""
    texts = []
    for rows in together:
        for column in zip(*rows, strict=True):
            values = dict.fromkeys(override.partition("=")[2] for override in column)
            texts.append(f"{key_of(column[0])}={','.join(values)}")
    return texts


def _typed(path: str, values: Any) -> str:
    """The values as they are typed on the command line."""
    if values == []:
        raise UserError(f"search.grid.{path}=[] lists no value: {FORM}")
    if isinstance(values, list):
        return ",".join(typed(value) for value in values)
    return values if isinstance(values, str) else typed(values)
