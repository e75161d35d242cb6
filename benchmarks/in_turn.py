"""Two sides of a ratio, measured in turn: A B A B ..."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, kw_only=True)
class InTurn:
    """What was measured of us and of the yardstick beside it, pair by pair."""

    ours: Sequence[float]
    theirs: Sequence[float]

    @property
    def our_median(self) -> float:
        """The median of ours."""
        return median(self.ours)

    @property
    def their_median(self) -> float:
        """The median of theirs."""
        return median(self.theirs)

    def ratio(self, digits: int = 2) -> str:
        """Ours over theirs: the median over pairs, and the least and the greatest where there are several."""
        return self._over_pairs(lambda ours, theirs: ours / theirs, f"{{:.{digits}f}}")

    def more(self, digits: int = 0) -> str:
        """Ours less theirs, likewise."""
        return self._over_pairs(lambda ours, theirs: ours - theirs, f"{{:+.{digits}f}}")

    def _over_pairs(self, compared: Callable[[float, float], float], form: str) -> str:
        found = sorted(compared(*pair) for pair in zip(self.ours, self.theirs, strict=True))
        middle = form.format(median(found))
        if len(found) == 1:
            return middle
        return f"{middle} ({form.format(found[0])} to {form.format(found[-1])})"


def in_turn(ours: Callable[[], float], theirs: Callable[[], float], *, repeats: int) -> InTurn:
    """Calls both, ours first, `repeats` times."""
    pairs = [(ours(), theirs()) for _ in range(repeats)]
    return InTurn(ours=[each for each, _ in pairs], theirs=[each for _, each in pairs])
