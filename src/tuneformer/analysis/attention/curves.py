"""What metrics.csv holds of heads over the run, and the loss beside it."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tuneformer.measures.registry import OF_A_HEAD
from tuneformer.runs.probe_files import ProbeSnapshot, Site

COLUMN = re.compile(OF_A_HEAD.format(r"(\w+)").replace("<stack>.<layer>.<head>", r"(\w+)\.(\d+)\.(\d+)"))
LOSSES = ("train/loss", "val/loss")

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Points (step, value).

    Attributes:
        losses: by column of metrics.csv.
        heads: measure -> site -> head -> points.
    """

    losses: Mapping[str, Points]
    heads: Mapping[str, Mapping[Site, Mapping[int, Points]]]


def read_curves(metrics: Mapping[str, Mapping[int, float]], snapshots: Sequence[ProbeSnapshot]) -> Curves:
    """The curves of a run; where its metrics have none of heads, those of its snapshots."""
    losses = {name: _points(metrics[name]) for name in LOSSES if name in metrics}
    heads: dict[str, dict[Site, dict[int, list[tuple[float, float]]]]] = {}
    for name, values in metrics.items():
        if (found := COLUMN.fullmatch(name)) and (points := _points(values)):
            stack, layer, head, measure = found.groups()
            heads.setdefault(measure, {}).setdefault((stack, int(layer)), {})[int(head)] = points
    logged = {*heads}
    for snapshot in snapshots:
        for measure, sites in snapshot.heads.items():
            if measure in logged:
                continue
            for site, values in sites.items():
                for head, value in enumerate(values.tolist()):
                    points = heads.setdefault(measure, {}).setdefault(site, {}).setdefault(head, [])
                    points.extend(_points({snapshot.step: value}))
    return Curves(losses={name: points for name, points in losses.items() if points}, heads=heads)


def _points(values: Mapping[int, float]) -> list[tuple[float, float]]:
    return [(step, value) for step, value in values.items() if math.isfinite(value)]
