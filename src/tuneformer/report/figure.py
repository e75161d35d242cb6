"""A figure as plotly describes it, with the numbers it was drawn from."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Okabe and Ito's colours, which colour-blind people can tell apart; marks and dashes tell apart what repeats
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D1F")
DASHES = ("solid", "dash", "dot", "dashdot")
MARKS = ("circle", "square", "diamond", "triangle-up")
CLEAR = 0.15  # opacity of a band


@dataclass(frozen=True, kw_only=True)
class Figure:
    """Traces and layout in plotly's own terms; `columns` are its numbers, of equal length."""

    key: str
    title: str
    caption: str
    traces: tuple[Mapping[str, Any], ...]
    layout: Mapping[str, Any]
    columns: Mapping[str, Sequence[float | str | None]]

    def as_json(self) -> str:
        """Traces and layout as JSON; what is not finite is null."""
        return json.dumps(finite({"data": self.traces, "layout": self.layout}), allow_nan=False)


def figure(
    key: str,
    title: str,
    caption: str,
    traces: Sequence[Mapping[str, Any]],
    layout: Mapping[str, Any],
    columns: Mapping[str, Sequence[float | str | None]],
) -> Figure:
    """A figure whose columns are of equal length."""
    assert len({len(column) for column in columns.values()}) <= 1
    return Figure(key=key, title=title, caption=caption, traces=tuple(traces), layout=layout, columns=columns)


def finite(value: Any) -> Any:
    """The same with plain numbers, and None for what is NaN or infinite."""
    if isinstance(value, Mapping):
        return {key: finite(element) for key, element in value.items()}
    if isinstance(value, list | tuple):
        return [finite(element) for element in value]
    if hasattr(value, "tolist"):
        return finite(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


class Styles:
    """The look of each method, the same in every figure."""

    def __init__(self, methods: Sequence[str]) -> None:
        self._places = {method: place for place, method in enumerate(methods)}

    def _place(self, method: str) -> int:
        """The method's place; the first for what stands for all of them."""
        return self._places.get(method, 0)

    def colour(self, method: str) -> str:
        """The method's colour."""
        return COLOURS[self._place(method) % len(COLOURS)]

    def line(self, method: str) -> dict[str, Any]:
        """A line in it."""
        turn = self._place(method) // len(COLOURS)
        return {"color": self.colour(method), "dash": DASHES[turn % len(DASHES)], "width": 2}

    def mark(self, method: str) -> dict[str, Any]:
        """A mark in it."""
        turn = self._place(method) // len(COLOURS)
        return {"color": self.colour(method), "symbol": MARKS[turn % len(MARKS)], "size": 7}

    def band(self, method: str) -> str:
        """Its colour, nearly clear."""
        red, green, blue = (int(self.colour(method)[i : i + 2], 16) for i in (1, 3, 5))
        return f"rgba({red},{green},{blue},{CLEAR})"


def axis(title: str, kind: str = "linear") -> dict[str, Any]:
    """An axis with its title; `kind` is "linear", "log" or "category"."""
    return {"title": {"text": title}, "automargin": True, "type": kind}
