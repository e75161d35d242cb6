"""Figures of tuning: sensitivity, heat maps, what a smaller budget would have bought."""

import math
from collections.abc import Sequence
from typing import Any

from tuneformer.analysis.compare.comparison import Comparison
from tuneformer.analysis.compare.design import shown
from tuneformer.analysis.compare.tuning_curves import HeatMap, TuningCurve
from tuneformer.report.figure import Figure, Styles, axis, figure
from tuneformer.report.result_figures import suffix

MOST_MAPS = 12
MOST_TICKS = 12
FAR_OFF = 6.0  # times as far from the best score as the middle one
WIDE = 8.0  # the largest value over the smallest, from which on an axis is logarithmic


def tuning_figures(comparison: Comparison, styles: Styles) -> list[Figure]:
    """A sensitivity curve for each tuned setting, heat maps, best-of-k curves: those that there are."""
    figures = []
    for task in comparison.names:
        mine = [curve for curve in comparison.curves if curve.task == task]
        for key in dict.fromkeys(curve.key for curve in mine):
            figures.append(_sensitivity(comparison, _at_one_length(mine, key), styles))
    longest = {place.task: place.horizon for place in comparison.main}
    maps = [each for each in comparison.heat_maps if each.horizon == longest[each.task]]
    figures += [_heat_map(comparison, each, number) for number, each in enumerate(maps[:MOST_MAPS], 1)]
    figures += [
        _best_of_k(comparison, i, styles) for i, place in enumerate(comparison.main) if place.best_of_k
    ]
    return figures


def _at_one_length(curves: Sequence[TuningCurve], key: str) -> list[TuningCurve]:
    """The curves of the length at which most values were tried, of equals the longest."""
    tried: dict[float, int] = {}
    for curve in curves:
        if curve.key == key:
            tried[curve.horizon] = tried.get(curve.horizon, 0) + len(curve.values)
    length = max(tried, key=lambda horizon: (tried[horizon], horizon))
    return [curve for curve in curves if curve.key == key and curve.horizon == length]


def _sensitivity(comparison: Comparison, curves: Sequence[TuningCurve], styles: Styles) -> Figure:
    first = curves[0]
    key, where = suffix(comparison, first.task)
    named = _column(first.key)
    traces: list[dict[str, Any]] = []
    columns: dict[str, list[float | str | None]] = {"method": [], named: [], "score": []}
    for curve in curves:
        scores = [score if math.isfinite(score) else None for score in curve.scores]
        columns["method"] += [curve.method] * len(scores)
        columns[named] += curve.values
        columns["score"] += scores
        told = f" ({curve.sensitivity:.3f})" if math.isfinite(curve.sensitivity) else ""
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": f"{curve.method}{told}",
                "legendgroup": curve.method,
                "x": curve.values,
                "y": scores,
                "line": {**styles.line(curve.method), "width": 1.5},
                "marker": styles.mark(curve.method),
            }
        )
        if curve.basin is not None:
            traces.append(_basin_trace(curve, styles))
    values = [value for curve in curves for value in curve.values]
    log = min(values) > 0 and max(values) / min(values) >= WIDE
    layout = {
        "xaxis": {**axis(first.key, "log" if log else "linear"), **_ticks(values)},
        "yaxis": {**axis(comparison.criterion.choose), **_range(columns["score"])},
    }
    caption = (
        f"The best score at each value, over whatever else was tuned, at {shown(first.horizon)}"
        f" {comparison.read.unit}. Thick: within {comparison.tolerance:g} of the method's best. What diverged"
        " is left out, and what is far off lies outside the frame (double-click). In brackets: LR"
        " sensitivity, where it is a learning rate."
    )
    title = f"Sensitivity to {first.key}{where}"
    return figure(f"sensitivity-{first.key}{key}", title, caption, traces, layout, columns)


def _column(setting: str) -> str:
    """The name of a setting's column, beside those that a figure has itself."""
    return f"setting {setting}" if setting in ("method", "score") else setting


def _ticks(values: Sequence[float]) -> dict[str, Any]:
    """A tick at every value tried, where they are few."""
    tried = sorted(set(values))
    return {"tickvals": tried, "ticktext": [shown(v) for v in tried]} if len(tried) <= MOST_TICKS else {}


def _range(scores: Sequence[float | str | None]) -> dict[str, Any]:
    """A frame around the better half, where a few scores lie so far off that they would flatten it."""
    known = sorted(score for score in scores if isinstance(score, float))
    if not known:
        return {}
    low, middle = known[0], known[len(known) // 2]
    high = low + FAR_OFF * (middle - low)
    pad = 0.05 * (high - low)
    return {"range": [low - pad, high + pad]} if high < known[-1] else {}


def _basin_trace(curve: TuningCurve, styles: Styles) -> dict[str, Any]:
    assert curve.basin is not None
    inside = [
        (value, score)
        for value, score in zip(curve.values, curve.scores, strict=True)
        if curve.basin.low <= value <= curve.basin.high
    ]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": f"{curve.method}, basin",
        "legendgroup": curve.method,
        "showlegend": False,
        "hoverinfo": "skip",
        "x": [value for value, _ in inside],
        "y": [score for _, score in inside],
        "line": {"color": styles.colour(curve.method), "width": 6},
        "marker": {"color": styles.colour(curve.method), "size": 10},
        "opacity": 0.5,
    }


def _heat_map(comparison: Comparison, found: HeatMap, number: int) -> Figure:
    _, where = suffix(comparison, found.task)
    xs, ys = [shown(x) for x in found.xs], [shown(y) for y in found.ys]
    scores = [[score if math.isfinite(score) else None for score in row] for row in found.scores]
    trace = {
        "type": "heatmap",
        "x": xs,
        "y": ys,
        "z": scores,
        "colorscale": "Cividis",
        "reversescale": comparison.criterion.lower_is_better,
        "texttemplate": "%{z:.3f}",
        "colorbar": {"title": {"text": comparison.criterion.choose}},
    }
    columns: dict[str, list[float | str | None]] = {
        _column(found.x_key): [x for _ in found.ys for x in found.xs],
        _column(found.y_key): [y for y in found.ys for _ in found.xs],
        "score": [score for row in scores for score in row],
    }
    layout = {"xaxis": axis(found.x_key, "category"), "yaxis": axis(found.y_key, "category")}
    caption = "The best score over whatever else was tuned. Empty: not tried, or diverged."
    title = f"{found.method}: {found.x_key} and {found.y_key}{where}"
    return figure(f"map-{number}", title, caption, [trace], layout, columns)


def _best_of_k(comparison: Comparison, index: int, styles: Styles) -> Figure:
    place = comparison.main[index]
    key, where = suffix(comparison, place.task)
    traces: list[dict[str, Any]] = []
    columns: dict[str, list[float | str | None]] = {"method": [], "k": [], "score": []}
    for method, curve in place.best_of_k.items():
        ks = [*range(1, len(curve) + 1)]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": method,
                "x": ks,
                "y": [score if math.isfinite(score) else None for score in curve],
                "line": styles.line(method),
            }
        )
        columns["method"] += [method] * len(curve)
        columns["k"] += ks
        columns["score"] += curve
    layout = {"xaxis": axis("trials"), "yaxis": axis(f"expected best {comparison.criterion.choose}")}
    caption = (
        "What a smaller budget would have bought: the expected best of k of the random trials. It begins"
        " where at least one of k must have lived."
    )
    return figure(f"best-of-k{key}", f"Best of k trials{where}", caption, traces, layout, columns)
