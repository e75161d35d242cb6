"""Figures: valid to plotly itself, and drawn from the comparison's numbers."""

import math

import plotly.graph_objects as go
import pytest

from tests.analysis.compare.trials import trial
from tests.report.conftest import of
from tuneformer.analysis.compare.comparison import Comparison
from tuneformer.report.figure import COLOURS, Styles, finite
from tuneformer.report.figures import all_figures


def test_a_comparison_with_everything_has_every_figure_and_plotly_takes_each(whole: Comparison) -> None:
    figures = {figure.key: figure for figure in all_figures(whole)}
    for key in ("losses-1", "lengths-2", "speed-ups-1", "profiles", "sensitivity-optimizer.lr-1", "map-1"):
        assert key in figures
    for key in ("best-of-k-1", "curves-val-loss-1", "curves-train-loss-2", "half-time-1"):
        assert key in figures
    for figure in figures.values():
        go.Figure(data=finite(figure.traces), layout=dict(finite(figure.layout)))  # raises where one is wrong
        assert figure.columns
        assert "NaN" not in figure.as_json()


@pytest.mark.fast
def test_the_numbers_below_a_figure_are_those_of_the_comparison(plain: Comparison) -> None:
    figures = {figure.key: figure for figure in all_figures(plain)}
    losses = figures["losses"].columns
    assert {*losses["method"]} == {"adamw", "lion"}
    expected = [t.value("test/loss") for r in plain.main[0].results for t in r.reported]
    assert {*losses["value"]} == {*expected}
    curve = figures["curves-val-loss"]
    assert curve.columns["step"][:3] == pytest.approx([100 / 3, 200 / 3, 100])
    menu = curve.layout["updatemenus"][0]
    assert [button["label"] for button in menu["buttons"]] == ["steps", "tokens", "seconds"]
    xs = menu["buttons"][1]["args"][0]["x"]
    assert len(xs) == len(curve.traces)
    assert [len(x) for x in xs] == [len(trace["x"]) for trace in curve.traces]


@pytest.mark.fast
def test_where_every_run_diverged_the_figures_are_empty_and_whole() -> None:
    runs = [trial(name, lr=lr, val=math.inf) for name in ("adamw", "lion") for lr in (0.1, 0.2)]
    for figure in all_figures(of(runs)):
        assert "Infinity" not in figure.as_json()


@pytest.mark.fast
def test_settings_that_are_called_as_a_column_of_a_figure_have_a_column_of_their_own() -> None:
    places = [{"method": a, "score": b} for a in (1.0, 2.0) for b in (1.0, 2.0)]
    runs = [trial(o, val=2.0 + p["score"], changes=p) for o in ("adamw", "lion") for p in places]
    figures = {figure.key: figure for figure in all_figures(of(runs))}
    assert [*figures["sensitivity-score"].columns] == ["method", "setting score", "score"]
    assert {"setting method", "setting score", "score"} == {*figures["map-1"].columns}


@pytest.mark.fast
def test_methods_beyond_the_colours_differ_in_dash_and_mark() -> None:
    styles = Styles([f"method {i}" for i in range(20)])
    looks = [(str(styles.line(f"method {i}")), str(styles.mark(f"method {i}"))) for i in range(20)]
    assert len(set(looks)) == 20
    assert styles.band("method 0") == "rgba(0,114,178,0.15)"
    assert styles.colour("method 8") == COLOURS[0]
