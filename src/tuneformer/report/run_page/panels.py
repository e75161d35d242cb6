"""The curves of a run, by what they show: each panel has one axis and one unit."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuneformer.measures.registry import CLIPPED_GRADIENT_NORM, GRADIENT_NORM, UPDATE_RATIO

MOST_POINTS = 400
"""Of a curve: of more, the least and the largest of each stretch are shown, so that no spike is lost."""
LOG_FROM = 30.0
"""The ratio of the largest to the least positive value from which an axis is logarithmic."""

Points = list[tuple[int, float]]


@dataclass(frozen=True, kw_only=True)
class RunPanel:
    """Curves on one axis.

    Attributes:
        key: a word for its place in the page.
        title: what is shown.
        unit: of the values; empty for plain numbers.
        log: whether the axis is logarithmic.
        curves: name -> points (step, value).
        levels: name -> a value to compare with, drawn across.
    """

    key: str
    title: str
    unit: str
    log: bool
    curves: Mapping[str, Points]
    levels: Mapping[str, float]

    def as_json(self) -> dict[str, Any]:
        """What the script of the page draws."""
        curves = [{"name": name, "points": points} for name, points in self.curves.items()]
        return {**vars(self), "curves": curves}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Which columns of metrics.csv make a panel, and what each is called there (None: not in it)."""

    key: str
    title: str
    named: Callable[[str], str | None]
    unit: str = ""
    may_be_log: bool = False


def _group(prefix: str) -> Callable[[str], str | None]:
    return lambda column: column.removeprefix(prefix) if column.startswith(prefix) else None


def _one_of(names: Mapping[str, str]) -> Callable[[str], str | None]:
    return names.get


def _rate_of_work(column: str) -> str | None:
    found = re.fullmatch(r"throughput/(\w+)_per_second", column)
    return f"{found[1]} per second" if found else None


_GRADIENT = {GRADIENT_NORM.column: "before clipping", CLIPPED_GRADIENT_NORM.column: "after clipping"}
KINDS = (
    Kind(key="lr", title="Learning rate", named=_group("lr/")),
    Kind(key="weight_decay", title="Weight decay", named=_group("weight_decay/")),
    Kind(key="gradient", title="Gradient norm", named=_one_of(_GRADIENT), may_be_log=True),
    Kind(
        key="update",
        title="Length of an update over that of the weights",
        named=_group(UPDATE_RATIO.at("")),
        may_be_log=True,
    ),
    Kind(key="speed", title="Throughput", named=_rate_of_work),
)


def panels(
    columns: Mapping[str, Points], metrics: Mapping[str, str], references: Mapping[str, float]
) -> list[RunPanel]:
    """What can be drawn of a run.

    Args:
        columns: of metrics.csv, by name, with the points that have a finite value.
        metrics: those of its task, name -> unit, `loss` first.
        references: losses to compare with, by name.
    """
    of_task = [
        Kind(
            key=metric,
            title=metric.replace("_", " ").capitalize(),
            named=_one_of({f"train/{metric}": "training", f"val/{metric}": "validation"}),
            unit=unit,
        )
        for metric, unit in metrics.items()
    ]
    made = (_panel(kind, columns, references if kind.key == "loss" else {}) for kind in (*of_task, *KINDS))
    return [each for each in made if each is not None]


def _panel(kind: Kind, columns: Mapping[str, Points], levels: Mapping[str, float]) -> RunPanel | None:
    """The panel of a kind; None where nothing has two points, or nothing ever changes."""
    named = {name: points for column, points in columns.items() if (name := kind.named(column)) is not None}
    curves = {name: thinned(points) for name, points in _together(named).items() if len(points) > 1}
    if all(value == points[0][1] for points in curves.values() for _, value in points):
        return None
    values = [value for points in curves.values() for _, value in points]
    log = kind.may_be_log and min(values) > 0 and max(values) / min(values) > LOG_FROM
    return RunPanel(
        key=kind.key, title=kind.title, unit=kind.unit, log=log, curves=curves, levels=dict(levels)
    )


def _together(named: Mapping[str, Points]) -> dict[str, Points]:
    """Curves of equal points as one, under all of their names."""
    names: dict[tuple[tuple[int, float], ...], list[str]] = {}
    for name, points in named.items():
        names.setdefault(tuple(points), []).append(name)
    alone = len(names) == 1 and len(named) > 1
    return {"all groups" if alone else ", ".join(each): list(points) for points, each in names.items()}


def thinned(points: Sequence[tuple[int, float]], most: int = MOST_POINTS) -> Points:
    """At most `most` points: the least and the largest of equally many stretches, and both ends."""
    if len(points) <= most:
        return list(points)
    n = max((most - 2) // 2, 1)
    inner = points[1:-1]
    kept = [points[0]]
    for i in range(n):
        stretch = inner[i * len(inner) // n : (i + 1) * len(inner) // n]
        kept += sorted({min(stretch, key=_value), max(stretch, key=_value)})
    return [*kept, points[-1]]


def _value(point: tuple[int, float]) -> float:
    return point[1]
