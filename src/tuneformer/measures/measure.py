"""What a measure of a run is called, says and is compared with; `registry` has all of them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

PLACE = re.compile(r"<.*>")


class Taken(NamedTuple):
    """What measures while a run trains (None: every run does), and the setting that says how often."""

    callback: str | None
    every: str


class Together(NamedTuple):
    """How the last values of its columns become one number of a run, and what that is called."""

    label: str
    one_of: Callable[[Sequence[float]], float]


@dataclass(frozen=True)
class Measure:
    """One measure.

    Attributes:
        key: its name in files.
        label: its name for people; empty: that of the key.
        says: what a value means.
        null: what it is by chance, in words.
        unit: empty for a plain number.
        function: in `measures/`, with the formula; None: the callback itself counts.
        within: the names of its columns in metrics.csv around the key; None: only `analyze` measures it.
        taken: when a run takes it.
        together: how comparisons make one number of it; None: they do not show it.
        of_an_order: without meaning among patches of an image, which have no order.
    """

    key: str
    says: str
    null: str
    unit: str = ""
    label: str = ""
    function: str | None = None
    within: str | None = None
    taken: Taken | None = None
    together: Together | None = None
    of_an_order: bool = False

    @property
    def name(self) -> str:
        """What people are shown."""
        return self.label or self.key.replace("_", " ")

    @property
    def column(self) -> str:
        """The name of its columns in metrics.csv, with `<...>` for the head, layer, group or part."""
        assert self.within is not None
        return self.within.format(self.key)

    def at(self, place: object) -> str:
        """Its column of one head, layer, group or part."""
        return PLACE.sub(str(place), self.column)

    @property
    def columns(self) -> str:
        """A pattern (`*`) that all of its columns match."""
        return self.at("*")

    @property
    def compared_as(self) -> str:
        """What a comparison calls the one number of a run."""
        assert self.together is not None
        return ", ".join(filter(None, (self.name, self.together.label)))
