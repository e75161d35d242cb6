"""A small line chart in braille characters: two dots across and four down a character."""

import math
from collections.abc import Sequence

from tuneformer.report.charts.series import Series

BLANK = 0x2800
# by row from the top, left dot and right dot of one character
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))

Point = tuple[float, float]


def chart(
    series: Sequence[Series], *, title: str, width: int = 64, height: int = 10, log_x: bool = False
) -> list[str]:
    """The lines of text of a chart of `width` x `height` characters, its axes labelled by their ends."""
    lines = [[(_scaled(x, log_x), y) for x, y in each.points()] for each in series]
    points = [point for line in lines for point in line]
    if not points:
        return [title, "(nothing to draw)"]
    (left, right), (low, high) = _ends([x for x, _ in points]), _ends([y for _, y in points])
    canvas = [[BLANK] * width for _ in range(height)]

    def place(point: Point) -> tuple[float, float]:
        x, y = point
        return (x - left) / (right - left) * (2 * width - 1), (high - y) / (high - low) * (4 * height - 1)

    for line in lines:
        for start, end in zip(line, line[1:] or line, strict=False):
            _draw(canvas, place(start), place(end))
    labels = {0: f"{high:.3g}", height - 1: f"{low:.3g}"}
    margin = max(len(label) for label in labels.values())
    rows = [
        f"{labels.get(number, ''):>{margin}} |{''.join(chr(code) for code in row)}"
        for number, row in enumerate(canvas)
    ]
    first, last = (f"{10**x if log_x else x:.3g}" for x in (left, right))
    axis = f"{'':>{margin}} +{'-' * width}"
    ends = f"{'':>{margin}}  {first}{last:>{max(width - len(first), len(last) + 1)}}"
    return [title, *rows, axis, ends]


def _scaled(x: float, log: bool) -> float:
    return math.log10(x) if log else x


def _ends(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if low == high:
        return (low - 0.5 * abs(low), high + 0.5 * abs(high)) if low else (-1.0, 1.0)
    return low, high


def _draw(canvas: list[list[int]], start: Point, end: Point) -> None:
    steps = max(1, math.ceil(max(abs(end[0] - start[0]), abs(end[1] - start[1]))))
    for step in range(steps + 1):
        x = round(start[0] + (end[0] - start[0]) * step / steps)
        y = round(start[1] + (end[1] - start[1]) * step / steps)
        canvas[y // 4][x // 2] |= DOTS[y % 4][x % 2]
