"""Figures of learning: curves with their bands, the rate beside them, half time against the end."""

from collections.abc import Sequence
from typing import Any

from tuneformer.analysis.compare.bands import AXES, Band
from tuneformer.analysis.compare.comparison import Comparison, TaskComparison
from tuneformer.analysis.compare.curves import RATE
from tuneformer.report.figure import Figure, Styles, axis, figure
from tuneformer.report.result_figures import suffix

RATE_SHARE = 0.28  # of the height, below the curves


def curve_figures(comparison: Comparison, styles: Styles) -> list[Figure]:
    """Learning curves at the longest length of each data set, and the order at half time and at the end."""
    figures = []
    for place in comparison.main:
        mine = [b for b in comparison.bands if (b.task, b.horizon) == (place.task, place.horizon)]
        rates = [band for band in mine if band.metric == RATE]
        for metric in dict.fromkeys(band.metric for band in mine if band.metric != RATE):
            bands = [band for band in mine if band.metric == metric]
            figures.append(_learning(comparison, place, bands, rates, styles))
        if place.rank_stability is not None:
            figures.append(_half_time(comparison, place, styles))
    return figures


def _learning(
    comparison: Comparison,
    place: TaskComparison,
    bands: Sequence[Band],
    rates: Sequence[Band],
    styles: Styles,
) -> Figure:
    key, where = suffix(comparison, place.task)
    metric = bands[0].metric
    traces: list[dict[str, Any]] = []
    drawn: list[tuple[Band, bool]] = []
    for band in bands:
        drawn += [(band, False), (band, True)]
        traces += [_line(band, styles, panel=""), _area(band, styles)]
    for rate in rates:
        drawn.append((rate, False))
        traces.append({**_line(rate, styles, panel="2"), "showlegend": False})
    layout: dict[str, Any] = {
        "xaxis": {**axis("steps"), "anchor": "y2" if rates else "y"},
        "yaxis": {**axis(metric), "domain": [RATE_SHARE + 0.07 if rates else 0, 1]},
        "updatemenus": [_axis_menu(drawn)],
        "height": 560,
    }
    if rates:
        layout["yaxis2"] = {**axis("learning rate"), "domain": [0, RATE_SHARE]}
    columns: dict[str, list[float | str | None]] = {
        "method": [band.method for band in bands for _ in band.mean],
        **{name: _column(bands, name) for name in AXES if all(name in b.axes for b in bands)},
        **{name: [float(v) for b in bands for v in getattr(b, name)] for name in ("mean", "low", "high")},
    }
    caption = (
        "Mean over the seeds of each method's best setting; the band reaches from the lowest to the highest."
    )
    title = f"Learning curves: {metric}{where}"
    return figure(f"curves-{metric.replace('/', '-')}{key}", title, caption, traces, layout, columns)


def _line(band: Band, styles: Styles, *, panel: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines" if len(band.mean) > 20 else "lines+markers",
        "name": band.method,
        "legendgroup": band.method,
        "x": _x(band, "step"),
        "y": band.mean,
        "line": styles.line(band.method),
        "marker": {"size": 5},
        "yaxis": f"y{panel}",
    }


def _area(band: Band, styles: Styles) -> dict[str, Any]:
    steps = _x(band, "step")
    return {
        "type": "scatter",
        "mode": "lines",
        "name": f"{band.method}, seeds",
        "legendgroup": band.method,
        "showlegend": False,
        "hoverinfo": "skip",
        "x": [*steps, *reversed(steps)],
        "y": [*band.high.tolist(), *reversed(band.low.tolist())],
        "fill": "toself",
        "fillcolor": styles.band(band.method),
        "line": {"width": 0},
    }


def _axis_menu(drawn: Sequence[tuple[Band, bool]]) -> dict[str, Any]:
    """Buttons that put steps, tokens or seconds on the axis."""
    buttons = []
    for name, label in (("step", "steps"), ("tokens", "tokens"), ("seconds", "seconds")):
        if not all(name in band.axes for band, _ in drawn):
            continue
        xs = []
        for band, there_and_back in drawn:
            x = _x(band, name)
            xs.append([*x, *reversed(x)] if there_and_back else x)
        arguments = [{"x": xs}, {"xaxis.title.text": label}]
        buttons.append({"label": label, "method": "update", "args": arguments})
    return {
        "type": "buttons",
        "direction": "right",
        "buttons": buttons,
        "x": 0,
        "xanchor": "left",
        "y": 1.02,
        "yanchor": "bottom",
    }


def _half_time(comparison: Comparison, place: TaskComparison, styles: Styles) -> Figure:
    assert place.rank_stability is not None
    key, where = suffix(comparison, place.task)
    found = place.rank_stability
    ranks = {m: (found.middle.index(m) + 1, found.end.index(m) + 1) for m in found.end}
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": method,
            "x": ["half time", "end"],
            "y": [*pair],
            "line": styles.line(method),
            "marker": styles.mark(method),
        }
        for method, pair in ranks.items()
    ]
    layout = {
        "xaxis": axis("", "category"),
        "yaxis": {**axis("rank"), "autorange": "reversed", "dtick": 1 if len(ranks) < 12 else 5},
    }
    columns: dict[str, list[float | str | None]] = {
        "method": [*ranks],
        "half time": [pair[0] for pair in ranks.values()],
        "end": [pair[1] for pair in ranks.values()],
    }
    caption = f"Ranks by {comparison.criterion.choose}. Kendall's tau: {found.tau:+.2f}."
    return figure(f"half-time{key}", f"Half time against the end{where}", caption, traces, layout, columns)


def _x(band: Band, name: str) -> list[float]:
    return band.axes[name].tolist()


def _column(bands: Sequence[Band], name: str) -> list[float | str | None]:
    return [float(x) for band in bands for x in band.axes[name]]
