"""How many pairs of methods differ, by which test, and whether the seeds could show it at all."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tuneformer.analysis.compare.pairs import MethodDifference
from tuneformer.analysis.statistics.holm import LEVEL
from tuneformer.analysis.statistics.sign_flip import fewest_pairs

EXACT, STUDENT, WELCH = "exact sign-flip test", "paired t test", "Welch's t test"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the pairs of methods on one task at one horizon show together.

    Attributes:
        n_pairs: those with a difference, over all of which the tests are corrected.
        seeds: the most shared seeds of any of them; 0 where no two methods share seeds.
        fewest: the seeds with which the exact test could reject among so many.
        test: the exact test where the seeds of every pair suffice for it, else the t test (Welch's where no
            seeds are shared): a choice by numbers of seeds and pairs alone. Empty where none can be made.
        n_tested, n_differing: pairs that it was made of, and those that differ at the 5 % level, corrected.
    """

    n_pairs: int
    seeds: int
    fewest: int
    test: str
    n_tested: int
    n_differing: int

    @property
    def exact_is_impossible(self) -> bool:
        """Whether no data with these seeds could make the exact test reject for any pair."""
        return 0 < self.seeds < self.fewest


def verdict(pairs: Sequence[MethodDifference]) -> Verdict | None:
    """The verdict over all pairs; None where no pair has a difference."""
    known = [pair for pair in pairs if math.isfinite(pair.difference.mean)]
    if not known:
        return None
    paired = [pair for pair in known if pair.paired]
    exact = [pair.p_holm for pair in known if not math.isnan(pair.p_holm)]
    by_t = [pair.p_t_holm for pair in known if not math.isnan(pair.p_t_holm)]
    fewest = fewest_pairs(len(exact) or len(known))
    enough = len(paired) == len(known) and min(pair.difference.n for pair in paired) >= fewest
    if exact and enough:
        test, tested = EXACT, exact
    elif by_t:
        test, tested = STUDENT if paired else WELCH, by_t
    else:
        test, tested = "", []
    return Verdict(
        n_pairs=len(known),
        seeds=max((pair.difference.n for pair in paired), default=0),
        fewest=fewest,
        test=test,
        n_tested=len(tested),
        n_differing=sum(p <= LEVEL for p in tested),
    )
