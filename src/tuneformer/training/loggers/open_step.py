"""How loggers count steps, and the values of the step that a run is at, for a board that takes each once."""

from collections.abc import Callable, Mapping
from typing import Any

from pytorch_lightning.loggers.logger import Logger


class RunLogger(Logger):
    """A logger that counts optimizer steps done by itself, and hears how the run has ended."""

    def close(self, status: str, summary: Mapping[str, Any]) -> None:
        """Ends what it holds open: the status of the record, and what else there is to say of the run."""


def steps_done(lightnings: int | None) -> int:
    """How many optimizer steps are done at what Lightning, which numbers steps from 0, calls `lightnings`."""
    return (lightnings or 0) + 1


class OpenStep:
    """Keeps the values of a step until another begins, and logs each name of it once.

    Callbacks log what they measure of a step by and by, some more than once; a board would show all of it.
    """

    def __init__(self, log: Callable[[int, dict[str, float]], None]) -> None:
        """`log` takes the number of steps done, and the values of that step that are new."""
        self._log = log
        self._values, self._logged = dict[str, float](), set[str]()
        self.step = 0

    def add(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Takes values of what Lightning calls `step`; its epochs are none of ours."""
        self.go_to(steps_done(step))
        self._values |= {name: value for name, value in metrics.items() if name != "epoch"}

    def go_to(self, step: int) -> None:
        """Logs the values of the open step, if it is another than `step`."""
        if step != self.step:
            self.log()
            self.step, self._logged = step, set()

    def log(self) -> None:
        """Logs the values that the open step has so far."""
        new = {name: value for name, value in self._values.items() if name not in self._logged}
        self._values, self._logged = {}, self._logged | new.keys()
        if new:
            self._log(self.step, new)
