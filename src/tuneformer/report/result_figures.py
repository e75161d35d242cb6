"""Figures of results: losses, differences, lengths and what they save, profiles."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tuneformer.analysis.compare.comparison import Comparison, TaskComparison
from tuneformer.analysis.compare.design import shown
from tuneformer.analysis.compare.scaling import Scaling
from tuneformer.analysis.statistics.profiles import WITHIN
from tuneformer.report.figure import Figure, Styles, axis, figure

ROW_HEIGHT = 26
LEAST_HEIGHT = 130
FIT_POINTS = 60


def result_figures(comparison: Comparison, styles: Styles) -> list[Figure]:
    """Losses at the longest length, loss against length, speed-ups and profiles: those that there are."""
    figures = [_losses(comparison, place, styles) for place in comparison.main]
    for scaling in comparison.scalings:
        figures += [_scaling(comparison, scaling, styles), _speed_ups(comparison, scaling, styles)]
    if comparison.profiles:
        figures.append(_profiles(comparison, styles))
    return figures


def suffix(comparison: Comparison, task: str) -> tuple[str, str]:
    """What tells the figures of several data sets apart: for the key and for the title."""
    if len(comparison.names) == 1:
        return "", ""
    return f"-{[*comparison.names].index(task) + 1}", f", {comparison.names[task]}"


def _losses(comparison: Comparison, place: TaskComparison, styles: Styles) -> Figure:
    key, where = suffix(comparison, place.task)
    alive = [result for result in place.results if math.isfinite(result.estimate.mean)]
    traces: list[dict[str, Any]] = []
    columns: dict[str, list[float | str | None]] = {"method": [], "seed": [], "value": []}
    for result in reversed(alive):
        values = [comparison.criterion.reporting(trial) for trial in result.reported]
        mean, low, high = result.estimate.mean, result.estimate.low, result.estimate.high
        reach = (
            {"array": [high - mean], "arrayminus": [mean - low]} if math.isfinite(low) else {"array": [0.0]}
        )
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": result.method,
                "showlegend": False,
                "x": [mean],
                "y": [result.method],
                "error_x": {"type": "data", "symmetric": not math.isfinite(low), **reach},
                "marker": {**styles.mark(result.method), "size": 9},
            }
        )
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"{result.method}, seeds",
                "showlegend": False,
                "x": values,
                "y": [result.method] * len(values),
                "text": ["" if trial.seed is None else f"seed {trial.seed}" for trial in result.reported],
                "marker": {"color": styles.colour(result.method), "symbol": "line-ns-open", "size": 9},
            }
        )
        columns["method"] += [result.method] * len(values)
        columns["seed"] += [trial.seed for trial in result.reported]
        columns["value"] += values
    layout = {
        "xaxis": axis(comparison.criterion.report),
        "yaxis": axis("", "category"),
        "height": LEAST_HEIGHT + ROW_HEIGHT * len(alive),
    }
    caption = "Mean with its 95 % interval; a stroke for each seed. Each method at its best setting."
    return figure(
        f"losses{key}",
        f"{comparison.criterion.report} of each method{where}",
        caption,
        traces,
        layout,
        columns,
    )


def _scaling(comparison: Comparison, scaling: Scaling, styles: Styles) -> Figure:
    key, where = suffix(comparison, scaling.task)
    unit, metric = comparison.read.unit, comparison.criterion.report
    traces: list[dict[str, Any]] = []
    columns: dict[str, list[float | str | None]] = {"method": [], unit: [], "value": []}
    for method, points in scaling.points.items():
        xs, ys = [d for d, _ in points], [loss for _, loss in points]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": method,
                "x": xs,
                "y": ys,
                "marker": styles.mark(method),
            }
        )
        columns["method"] += [method] * len(points)
        columns[unit] += xs
        columns["value"] += ys
    lengths = [d for points in scaling.points.values() for d, _ in points]
    grid = np.geomspace(min(lengths), max(lengths), FIT_POINTS)
    traces.append(
        {
            "type": "scatter",
            "mode": "lines",
            "name": f"fit to {scaling.baseline}",
            "x": grid,
            "y": [scaling.law.loss(float(d)) for d in grid],
            "line": {"color": styles.colour(scaling.baseline), "width": 1},
        }
    )
    layout = {"xaxis": _length_axis(unit, lengths), "yaxis": axis(metric)}
    caption = f"The ends of runs of several lengths, and a D^-b + c fitted to {scaling.baseline}."
    return figure(f"lengths{key}", f"{metric} against length{where}", caption, traces, layout, columns)


def _speed_ups(comparison: Comparison, scaling: Scaling, styles: Styles) -> Figure:
    key, where = suffix(comparison, scaling.task)
    unit = comparison.read.unit
    traces: list[dict[str, Any]] = []
    columns: dict[str, list[float | str | None]] = {
        name: [] for name in ("method", unit, "speed-up", "low", "high")
    }
    for method, found in scaling.speed_ups.items():
        kept = [each for each in found if math.isfinite(each.ratio)]
        if method == scaling.baseline or not kept:
            continue
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": method,
                "x": [each.at for each in kept],
                "y": [each.ratio for each in kept],
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [each.high - each.ratio for each in kept],
                    "arrayminus": [each.ratio - each.low for each in kept],
                    "thickness": 1,
                },
                "line": styles.line(method),
                "marker": styles.mark(method),
            }
        )
        columns["method"] += [method] * len(kept)
        columns[unit] += [each.at for each in kept]
        columns["speed-up"] += [each.ratio for each in kept]
        columns["low"] += [each.low for each in kept]
        columns["high"] += [each.high for each in kept]
    line = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 1, "y1": 1, "line": {"width": 1}}
    layout = {
        "xaxis": _length_axis(unit, [each.at for found in scaling.speed_ups.values() for each in found]),
        "yaxis": axis(f"speed-up over {scaling.baseline}", "log"),
        "shapes": [line],
    }
    caption = (
        f"Times longer that {scaling.baseline} would have to train for the same loss, with 95 % intervals."
    )
    return figure(f"speed-ups{key}", f"Length of training saved{where}", caption, traces, layout, columns)


def _length_axis(unit: str, lengths: Sequence[float]) -> dict[str, Any]:
    tried = sorted(set(lengths))
    return {**axis(f"length, {unit}", "log"), "tickvals": tried, "ticktext": [shown(d) for d in tried]}


def _profiles(comparison: Comparison, styles: Styles) -> Figure:
    traces: list[dict[str, Any]] = []
    columns: dict[str, list[float | str | None]] = {"method": [], "tau": [], "share": []}
    for method, profile in comparison.profiles.items():
        turns = sorted({ratio for ratio in profile.ratios if ratio <= WITHIN})
        taus = [1.0, *(tau for tau in turns if tau > 1), WITHIN]
        shares = [profile.share_within(tau) for tau in taus]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": f"{method} ({profile.score:.2f})",
                "x": taus,
                "y": shares,
                "line": {**styles.line(method), "shape": "hv"},
            }
        )
        columns["method"] += [method] * len(taus)
        columns["tau"] += taus
        columns["share"] += shares
    layout = {"xaxis": axis("times the steps of the fastest"), "yaxis": axis("share of data sets")}
    caption = (
        "The share of data sets on which a method is within a factor of the fastest; its score in brackets."
    )
    return figure("profiles", "Performance profiles", caption, traces, layout, columns)
