import math

import pytest

from tuneformer.report.charts.series import Series
from tuneformer.report.charts.terminal import BLANK, DOTS, chart

pytestmark = pytest.mark.fast


def dots(lines: list[str]) -> set[tuple[int, int]]:
    """(column, row) of every dot, from the top left."""
    rows = [line.partition("|")[2] for line in lines if "|" in line]
    return {
        (2 * x + side, 4 * y + row)
        for y, text in enumerate(rows)
        for x, character in enumerate(text)
        for row in range(4)
        for side in range(2)
        if (ord(character) - BLANK) & DOTS[row][side]
    }


def test_a_falling_line_goes_from_the_top_left_to_the_bottom_right() -> None:
    lines = chart([Series(name="line", x=[0, 1], y=[1, 0])], title="t", width=10, height=5)
    assert lines[0] == "t"
    drawn = dots(lines)
    assert {(0, 0), (19, 19)} <= drawn
    assert drawn == {(place, place) for place in range(20)}
    assert (lines[1][:2], lines[5][:2]) == ("1 ", "0 ")
    assert lines[-1].split() == ["0", "1"]


def test_no_column_of_a_line_is_empty_however_steep_it_is() -> None:
    lines = chart([Series(name="x^9", x=range(50), y=[x**9 for x in range(50)])], title="t")
    assert {x for x, _ in dots(lines)} == set(range(128))


def test_on_a_logarithmic_axis_a_decade_is_as_wide_as_the_next() -> None:
    series = Series(name="steps", x=[1, 10, 100], y=[0, 1, 0])
    peak = min(dots(chart([series], title="t", width=41, log_x=True)), key=lambda dot: dot[1])
    assert peak[0] in (40, 41)


@pytest.mark.parametrize("y", [[math.nan], [math.inf], []])
def test_what_is_not_finite_is_not_drawn(y: list[float]) -> None:
    assert chart([Series(name="none", x=range(len(y)), y=y)], title="t") == ["t", "(nothing to draw)"]


@pytest.mark.parametrize("value", [0.0, 3.0, -2.0])
def test_a_constant_is_a_line_in_the_middle(value: float) -> None:
    rows = {y for _, y in dots(chart([Series(name="flat", x=[0, 5], y=[value, value])], title="t"))}
    assert len(rows) == 1
    assert rows <= {19, 20}
