"""The page of a prediction: laws with their points and bands, sizes held out, and what to type."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tuneformer.analysis.laws.ladder_prediction import MethodPrediction, MethodRatio
from tuneformer.analysis.laws.prediction import Predicted
from tuneformer.errors import UserError
from tuneformer.process.invocation import typed_command
from tuneformer.report.figure import Figure, Styles, axis, figure
from tuneformer.report.html import plotly_script, with_columns
from tuneformer.report.predicted import command_of, interval_told, law_told
from tuneformer.report.shell import SHELL, render_shell, script_json
from tuneformer.report.table import Cell, Table, make_table, number, word
from tuneformer.runs.files import write_text
from tuneformer.runs.shown_paths import shown_command, shown_path

ALONG = 30
"""Places at which a law is drawn."""


def write_prediction(
    path: Path,
    methods: Sequence[MethodPrediction],
    ratios: Sequence[MethodRatio],
    *,
    folder: Path,
    metric: str,
) -> None:
    """Write the page; UserError where the file cannot be written."""
    figures = [_law(methods, metric), _held_out(methods, metric)]
    text = render_shell(
        SHELL / "comparison.html.j2",
        styles=[SHELL / "comparison.css"],
        scripts=[SHELL / "comparison.js"],
        title=f"Prediction: {folder.name}",
        subtitle=f"{sum(len(found.sweeps) for found in methods)} points of {len(methods)} methods",
        summary=_summary(methods, ratios, metric),
        caveats=[f"{found.method}: {note}" for found in methods for note in found.notes],
        understood=[f"{found.method}: {law_told(found.prediction.law)}" for found in methods],
        tables=[_predicted(methods), _points(methods)],
        figures=figures,
        figure_data={each.key: script_json(with_columns(each)) for each in figures},
        sources=[shown_path(str(folder))],
        command=shown_command(typed_command()),
        commands=[],
        provenance={},
        plotly=plotly_script(),
    )
    try:
        write_text(path, text)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from error


def _summary(methods: Sequence[MethodPrediction], ratios: Sequence[MethodRatio], metric: str) -> list[str]:
    lines = []
    for found in methods:
        where = f"{found.wanted.parameters:.4g} parameters and {found.wanted.tokens:.4g} tokens"
        lines.append(f"{found.method} at {where}: {metric} {interval_told(found.prediction.loss)}")
    lines += [sentence for each in ratios for sentence in each.sentences()]
    return lines + [f"to train it: {command}" for found in methods if (command := command_of(found))]


def _predicted(methods: Sequence[MethodPrediction]) -> Table:
    names = list(dict.fromkeys(name for found in methods for name in found.prediction.values))
    rows = []
    for found in methods:
        cells = [word(found.method)]
        for name in names:
            value = found.prediction.values.get(name)
            ends = (value.value, value.low, value.high) if value else (np.nan,) * 3
            cells += [_cell(float(end)) for end in ends]
        rows.append([*cells, _cell(found.wanted.flops), word(command_of(found))])
    columns = [part for name in names for part in (name, f"{name}, from", f"{name}, to")]
    return make_table(
        "predicted",
        "What is predicted",
        "Intervals are of 95 %, of what a new sweep would find.",
        ["method", *columns, "operations", "what to type"],
        rows,
    ).without_empty_columns()


def _points(methods: Sequence[MethodPrediction]) -> Table:
    rows = []
    for found in methods:
        held = {(each.size, each.steps): each.predicted for each in found.held_out}
        for each, loss in zip(found.sweeps, found.losses, strict=True):
            other = held.get((each.entry.size, each.entry.steps))
            ends = (other.value, other.low, other.high) if other else (np.nan,) * 3
            rows.append(
                [
                    word(found.method),
                    word(each.entry.size),
                    *map(_cell, (each.sweep.parameters, each.sweep.tokens, loss, *ends)),
                ]
            )
    return make_table(
        "points",
        "The points of the ladder",
        "Predicted: from the other sizes alone.",
        ["method", "size", "parameters", "tokens", "measured", "predicted", "from", "to"],
        rows,
    )


def _law(methods: Sequence[MethodPrediction], metric: str) -> Figure:
    """The law along as many tokens a parameter as are asked for, its band, and all points."""
    styles = Styles([found.method for found in methods])
    traces: list[dict[str, Any]] = []
    columns: dict[str, list[float | str | None]] = {
        name: [] for name in ("method", "what", "parameters", "tokens", metric, "from", "to")
    }
    for found in methods:
        x, band = _along(found)
        traces += _law_traces(found, x, band, styles)
        ratio = found.wanted.tokens / found.wanted.parameters
        for size, each in zip(x, band, strict=True):
            _add(columns, (found.method, "law", size, ratio * size, each.value, each.low, each.high))
        for each, loss in zip(found.sweeps, found.losses, strict=True):
            point = (found.method, "measured", each.sweep.parameters, each.sweep.tokens, loss, None, None)
            _add(columns, point)
    return figure(
        "law",
        "The law with its points",
        "Line and band are at as many tokens a parameter as were asked for; points are of all lengths.",
        traces,
        {"xaxis": axis("parameters without embeddings", "log"), "yaxis": axis(metric), "height": 460},
        columns,
    )


def _along(found: MethodPrediction) -> tuple[list[float], list[Predicted]]:
    """Sizes from the ladder's smallest to the one asked for, and the losses there."""
    seen = [each.sweep.parameters for each in found.sweeps]
    x = np.geomspace(min(seen), max(*seen, found.wanted.parameters), ALONG).tolist()
    ratio = found.wanted.tokens / found.wanted.parameters
    return x, [found.prediction.losses.at(size, ratio * size) for size in x]


def _law_traces(
    found: MethodPrediction, x: list[float], band: Sequence[Predicted], styles: Styles
) -> list[dict[str, Any]]:
    """Band, line and points of a method."""
    low, high = [each.low for each in band], [each.high for each in band]
    group = {"type": "scatter", "legendgroup": found.method}
    return [
        {
            "x": [*x, *reversed(x)],
            "y": [*low, *reversed(high)],
            "fill": "toself",
            "fillcolor": styles.band(found.method),
            "line": {"width": 0},
            "mode": "lines",
            "hoverinfo": "skip",
            "showlegend": False,
            **group,
        },
        {
            "mode": "lines",
            "name": found.method,
            "x": x,
            "y": [each.value for each in band],
            "line": styles.line(found.method),
            **group,
        },
        {
            "mode": "markers",
            "x": [each.sweep.parameters for each in found.sweeps],
            "y": list(found.losses),
            "marker": styles.mark(found.method),
            "text": [f"{each.entry.size}, {each.entry.tokens:,} tokens" for each in found.sweeps],
            "showlegend": False,
            **group,
        },
    ]


def _held_out(methods: Sequence[MethodPrediction], metric: str) -> Figure:
    """Every point predicted from the other sizes, against what was measured."""
    styles = Styles([found.method for found in methods])
    traces: list[dict[str, Any]] = []
    columns: dict[str, list[float | str | None]] = {
        name: [] for name in ("method", "size", "measured", "predicted", "from", "to")
    }
    for found in methods:
        points = found.held_out
        predicted = [each.predicted for each in points]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": found.method,
                "x": [each.measured for each in points],
                "y": [each.value for each in predicted],
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [each.high - each.value for each in predicted],
                    "arrayminus": [each.value - each.low for each in predicted],
                },
                "marker": styles.mark(found.method),
                "text": [f"{each.size} at {each.steps} steps" for each in points],
            }
        )
        for each in points:
            of = each.predicted
            _add(columns, (found.method, each.size, each.measured, of.value, of.low, of.high))
    ends = [value for trace in traces for value in trace["x"]]
    if ends:
        line = [min(ends), max(ends)]
        equal = {"dash": "dot", "color": "#888888", "width": 1}
        traces.append(
            {"type": "scatter", "mode": "lines", "x": line, "y": line, "line": equal, "showlegend": False}
        )
    return figure(
        "held_out",
        "Each size predicted from the others",
        "On the dotted line a prediction is what was measured.",
        traces,
        {"xaxis": axis(f"measured {metric}"), "yaxis": axis(f"predicted {metric}"), "height": 460},
        columns,
    )


def _add(columns: dict[str, list[float | str | None]], row: Sequence[float | str | None]) -> None:
    for column, value in zip(columns.values(), row, strict=True):
        column.append(value)


def _cell(amount: float) -> Cell:
    return number(amount, "" if amount != amount else f"{amount:.4g}")
