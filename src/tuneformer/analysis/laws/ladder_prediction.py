"""What a ladder says of a larger model: each method there, what it costs, and which of them wins."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from tuneformer.analysis.laws.ladder_runs import LadderRuns, LadderSweep
from tuneformer.analysis.laws.prediction import (
    Predicted,
    Prediction,
    best_losses,
    losses_of,
    places_of,
    predict,
    predict_losses,
)
from tuneformer.analysis.laws.rate_law import Exponent, PowerOf, fit_powers
from tuneformer.analysis.laws.wanted_model import WantedModel
from tuneformer.errors import UserError

OFTEN_READ = 4.0
"""Text read more often is worth less than fresh text (2305.16264), of which the laws are."""


@dataclass(frozen=True, kw_only=True)
class HeldOutPoint:
    """A point predicted from the other sizes, and what was measured there."""

    size: str
    steps: int
    predicted: Predicted
    measured: float

    @property
    def inside(self) -> bool:
        """Whether the interval holds what was measured."""
        return self.predicted.low <= self.measured <= self.predicted.high


@dataclass(frozen=True, kw_only=True)
class MethodPrediction:
    """A method at the size and length asked for.

    Attributes:
        wanted: what is predicted of it.
        prediction: the values with their laws.
        seconds: of training on the machine of the ladder; None where that is not known.
        sweeps: the points that it rests on.
        losses: theirs, which the law was fitted to.
        held_out: every point of each size, predicted from the other sizes; those that could be.
        notes: of its runs.
    """

    method: str
    wanted: WantedModel
    prediction: Prediction
    seconds: Predicted | None
    sweeps: tuple[LadderSweep, ...]
    losses: tuple[float, ...]
    held_out: tuple[HeldOutPoint, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class MethodRatio:
    """Losses of `first` over those of `second`, as a power of parameters and tokens.

    Attributes:
        at: where it was asked for.
        chance: how probable it is that `first` has the lower loss there.
        exponents: by quantity; one that holds zero cannot be told from a ratio that stays.
    """

    first: str
    second: str
    at: Predicted
    chance: float
    exponents: Mapping[str, Exponent]

    def sentences(self) -> list[str]:
        """Who wins there and how sure that is, and whether that changes with size and length."""
        ahead, chance = (self.first, self.chance) if self.chance >= 0.5 else (self.second, 1 - self.chance)
        sentences = [
            f"{ahead} has the lower loss with a chance of {100 * min(chance, 0.999):.3g} %: {self.first} over"
            f" {self.second} is {self.at.value:.4f}, 95 % interval {self.at.low:.4f} to {self.at.high:.4f}"
        ]
        for name, each in self.exponents.items():
            size = f"exponent {each.value:+.3g}, 95 % interval {each.low:.3g} to {each.high:.3g}"
            told = "changes" if each.excludes_zero else "cannot be told from one that does not change"
            sentences.append(f"that ratio {told} with {name} ({size})")
        return sentences


def predict_method(
    runs: LadderRuns, method: str, wanted: WantedModel, *, joint: bool = False
) -> MethodPrediction:
    """What a method of the ladder comes to.

    Raises:
        UserError: its runs do not tell it.
    """
    sweeps = runs.sweeps[method]
    lost = sorted({entry.size for entry in runs.lost[method]})
    try:
        found = predict(
            [each.sweep for each in sweeps],
            parameters=wanted.parameters,
            tokens=wanted.tokens,
            joint=joint,
            few_runs=True,
        )
    except UserError as error:
        reason = f"no run came to its end at {' and '.join(lost)}: " if lost else ""
        raise UserError(f"{method}: {reason}{error}") from error
    return MethodPrediction(
        method=method,
        wanted=wanted,
        prediction=found,
        seconds=_seconds(sweeps, wanted),
        sweeps=sweeps,
        losses=tuple(losses_of([each.sweep for each in sweeps], found.floors)),
        held_out=tuple(_held_out(sweeps, joint=joint)),
        notes=(*found.notes, *_of_runs(sweeps, lost)),
    )


def ratio_of(
    first: Sequence[LadderSweep], second: Sequence[LadderSweep], names: tuple[str, str], wanted: WantedModel
) -> MethodRatio:
    """The ratio of two methods, from the points that both have, over the seeds that both have.

    Raises:
        UserError: they share too few points.
    """
    theirs = {(each.entry.size, each.entry.steps): each for each in second}
    pairs = [
        (mine, theirs[place]) for mine in first if (place := (mine.entry.size, mine.entry.steps)) in theirs
    ]
    places = places_of([mine.sweep for mine, _ in pairs])
    law: PowerOf = fit_powers(places, [_ratio(mine, other) for mine, other in pairs])
    there = {"parameters": wanted.parameters, "tokens": wanted.tokens}
    value, low, high = law.at(there)
    return MethodRatio(
        first=names[0],
        second=names[1],
        at=Predicted(value=value, low=low, high=high),
        chance=law.chance_below_one(there),
        exponents=law.exponents,
    )


def ratios_of(runs: LadderRuns, wanted: WantedModel) -> list[MethodRatio]:
    """Those of all pairs of methods that share enough points."""
    found = []
    for names in itertools.combinations(runs.sweeps, 2):
        try:
            found.append(ratio_of(runs.sweeps[names[0]], runs.sweeps[names[1]], names, wanted))
        except UserError:
            continue
    return found


def _ratio(mine: LadderSweep, other: LadderSweep) -> float:
    n = min(len(mine.sweep.reported), len(other.sweep.reported))
    if n:
        return fmean(mine.sweep.reported[:n]) / fmean(other.sweep.reported[:n])
    lowest = [min(run.loss for run in each.sweep.runs) for each in (mine, other)]
    return lowest[0] / lowest[1]


def _held_out(sweeps: Sequence[LadderSweep], *, joint: bool) -> list[HeldOutPoint]:
    losses = best_losses([each.sweep for each in sweeps])
    found = []
    for size in dict.fromkeys(each.entry.size for each in sweeps):
        others = [index for index, each in enumerate(sweeps) if each.entry.size != size]
        try:
            law = predict_losses(
                places_of([sweeps[index].sweep for index in others]),
                [losses[index] for index in others],
                joint=joint,
            )
        except UserError:
            continue
        found += [
            HeldOutPoint(
                size=size,
                steps=each.entry.steps,
                predicted=law.at(each.sweep.parameters, each.sweep.tokens),
                measured=losses[index],
            )
            for index, each in enumerate(sweeps)
            if each.entry.size == size
        ]
    return found


def _seconds(sweeps: Sequence[LadderSweep], wanted: WantedModel) -> Predicted | None:
    """Of training on the machine of the ladder: tokens a second as a power of parameters."""
    known = [each for each in sweeps if math.isfinite(each.tokens_per_second) and each.tokens_per_second > 0]
    try:
        speed = fit_powers(
            {"parameters": [each.sweep.parameters for each in known]},
            [each.tokens_per_second for each in known],
        )
    except UserError:
        return None
    value, low, high = speed.at({"parameters": wanted.parameters})
    return Predicted(value=wanted.tokens / value, low=wanted.tokens / high, high=wanted.tokens / low)


def _of_runs(sweeps: Sequence[LadderSweep], lost: Sequence[str]) -> list[str]:
    notes = [f"no run came to its end at {size}: it is left out" for size in lost]
    diverged = {
        f"{each.entry.size} at {each.entry.steps} steps": each.diverged for each in sweeps if each.diverged
    }
    if diverged:
        places = ", ".join(f"{number} at {place}" for place, number in diverged.items())
        notes.append(f"runs that diverged: {places}")
    often = max(each.epochs for each in sweeps)
    if often > OFTEN_READ:
        notes.append(
            f"the text was read up to {often:.2g} times: from about {OFTEN_READ:g} on, repeated text is worth"
            " less than the laws take it for"
        )
    return notes
