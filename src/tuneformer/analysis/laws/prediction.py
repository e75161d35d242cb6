"""What a run of another size and length comes to: loss, best rate, batch and decay, each with an interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from tuneformer.analysis.laws.landscape import (
    Floor,
    RateSweep,
    best_known_floors,
    floors_of,
    varying_axes,
)
from tuneformer.analysis.laws.loss_law import EXPONENTS, LossLaw, Numbers, fit_loss_law, fit_loss_laws
from tuneformer.analysis.laws.rate_law import PowerOf, fit_powers
from tuneformer.analysis.statistics.intervals import CONFIDENCE
from tuneformer.errors import UserError

DRAWS = 200
PUBLISHED_A, PUBLISHED_SPREAD = 0.34, 0.3
"""The published exponent of N (2203.15556, 2404.10102), and a spread of its logarithm: 0.19 to 0.61."""
TRIED_A = 41
FEWEST_POINTS = 5
"""One more than E, A, B and b have."""
SMALLEST_DEVIATION = 1e-5
"""Of log L: below it losses are rounded."""
FURTHEST_FROM_TWO = 2.0
"""Two sizes do not tell the exponent of N; so much larger a model depends little on it."""


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """A value with the 95 % interval of what a new sweep would find."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class LossPrediction:
    """A law, and laws fitted to losses drawn from it: each with a factor that a new sweep has by chance."""

    law: LossLaw
    draws: tuple[tuple[LossLaw, float], ...]

    def at(self, parameters: float, tokens: float) -> Predicted:
        """The loss of a new sweep there."""
        found = [law.loss(parameters, tokens) * factor for law, factor in self.draws]
        return Predicted(value=self.law.loss(parameters, tokens), **interval_of(found))


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What is predicted, from which laws, and what to know of it.

    Attributes:
        loss: the lowest of a sweep over rate, batch and decay.
        learning_rate: where it is lowest.
        batch_size: the same, in the table's unit; None where the sweeps have one batch.
        weight_decay: the same; None where it does not vary.
        floors: of the sweeps that it rests on.
        losses: the law of losses with its draws.
        rates: the powers of the best rate.
        notes: how far it reaches beyond the sweeps, and what these do not tell.
    """

    loss: Predicted
    learning_rate: Predicted
    batch_size: Predicted | None
    weight_decay: Predicted | None
    floors: tuple[Floor, ...]
    losses: LossPrediction
    rates: PowerOf
    notes: tuple[str, ...]

    @property
    def law(self) -> LossLaw:
        """Of losses."""
        return self.losses.law

    @property
    def values(self) -> dict[str, Predicted]:
        """What is predicted, by name."""
        named = {
            "loss": self.loss,
            "learning_rate": self.learning_rate,
            "batch_size": self.batch_size,
            "weight_decay": self.weight_decay,
        }
        return {name: value for name, value in named.items() if value is not None}


def predict(
    sweeps: Sequence[RateSweep],
    *,
    parameters: float,
    tokens: float,
    joint: bool = False,
    few_runs: bool = False,
) -> Prediction:
    """What a model of so many parameters comes to after so many tokens, tuned.

    Args:
        sweeps: of each size and length.
        parameters: of the model.
        tokens: that it is trained on.
        joint: whether the law of losses has a term of both.
        few_runs: whether sweeps may be too small to show a basin: then their best runs stand for it.

    Raises:
        UserError: the sweeps do not tell it.
    """
    _check_within_reach(sweeps, parameters)
    floors = best_known_floors(sweeps) if few_runs else floors_of(sweeps)
    points = places_of(sweeps)
    wanted = {"parameters": parameters, "tokens": tokens}
    rates = fit_powers(points, [floor.learning_rate for floor in floors])
    axes = varying_axes(sweeps)
    batches = fit_powers(points, [floor.batch_size for floor in floors]) if 1 in axes else None
    decays = fit_powers(points, [floor.weight_decay for floor in floors]) if 2 in axes else None
    losses = predict_losses(points, losses_of(sweeps, floors), joint=joint)
    return Prediction(
        loss=losses.at(**wanted),
        learning_rate=_of(rates, wanted),
        batch_size=None if batches is None else _of(batches, wanted),
        weight_decay=None if decays is None else _of(decays, wanted),
        floors=tuple(floors),
        losses=losses,
        rates=rates,
        notes=(
            *_reach(sweeps, wanted),
            *_not_told(sweeps, {"rate": rates, "batch": batches, "weight decay": decays}),
            *_edges(sweeps, floors),
        ),
    )


def places_of(sweeps: Sequence[RateSweep]) -> dict[str, list[float]]:
    """Parameters and tokens of each sweep."""
    return {
        "parameters": [sweep.parameters for sweep in sweeps],
        "tokens": [sweep.tokens for sweep in sweeps],
    }


def losses_of(sweeps: Sequence[RateSweep], floors: Sequence[Floor]) -> list[float]:
    """What the law is fitted to: losses with fresh seeds where there are, otherwise those of the floors."""
    return [
        fmean(sweep.reported) if sweep.reported else floor.loss
        for sweep, floor in zip(sweeps, floors, strict=True)
    ]


def best_losses(sweeps: Sequence[RateSweep]) -> list[float]:
    """The same of sweeps that may have few runs."""
    return losses_of(sweeps, best_known_floors(sweeps))


def _check_within_reach(sweeps: Sequence[RateSweep], parameters: float) -> None:
    sizes = sorted({sweep.parameters for sweep in sweeps})
    if len(sizes) < 2 and parameters != sizes[0]:
        raise UserError("one size does not tell how losses and rates change with parameters: sweep another")
    if len(sizes) == 2 and parameters > FURTHEST_FROM_TWO * sizes[-1]:
        raise UserError(
            f"two sizes do not tell the loss at parameters={parameters:.12g},"
            f" {parameters / sizes[-1]:.1f} times the larger: sweep a third"
        )


def _of(powers: PowerOf, wanted: dict[str, float]) -> Predicted:
    value, low, high = powers.at(wanted)
    return Predicted(value=value, low=low, high=high)


def interval_of(found: Sequence[float]) -> dict[str, float]:
    """`low` and `high` of the 95 % in the middle."""
    low, high = np.quantile(found, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return {"low": float(low), "high": float(high)}


def predict_losses(
    points: dict[str, list[float]], losses: Sequence[float], *, joint: bool = False
) -> LossPrediction:
    """The law of losses, and laws fitted to losses drawn from it.

    The exponent of N of each draw is one that the losses and what was published allow; the spread of a draw
    has its own uncertainty (chi squared).

    Raises:
        UserError: the points do not tell the law, or not how far losses lie from it.
    """
    places = (points["parameters"], points["tokens"])
    exponents, weights = exponents_of_parameters(*places, losses, joint=joint)
    law = fit_loss_law(*places, losses, a=float(np.exp(np.log(exponents) @ weights)), joint=joint)
    fitted = np.array([law.loss(*point) for point in zip(*places, strict=True)])
    draw = np.random.default_rng(0)
    chosen = draw.choice(exponents, size=DRAWS, p=weights)
    drawn, factors = [], []
    for _ in chosen:
        spread = law.deviation * np.sqrt(law.freedom / draw.chisquare(law.freedom))
        drawn.append(fitted * np.exp(spread * draw.standard_normal(len(fitted))))
        factors.append(float(np.exp(spread * draw.standard_normal())))
    again = fit_loss_laws(*places, np.array(drawn), a=chosen, joint=joint)
    return LossPrediction(law=law, draws=tuple(zip(again, factors, strict=True)))


def exponents_of_parameters(
    parameters: Numbers, tokens: Numbers, losses: Numbers, *, joint: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Exponents of N and how probable each is, given the losses and what was published.

    A few sizes hardly tell it, and extrapolation rests on it. The losses weigh by their likelihood with
    an unknown deviation s, s^-freedom; PUBLISHED_A is the prior.
    """
    exponents = np.geomspace(*EXPONENTS, num=TRIED_A)
    prior = -(((np.log(exponents) - np.log(PUBLISHED_A)) / PUBLISHED_SPREAD) ** 2) / 2
    if len(set(parameters)) == 1:
        return exponents, np.exp(prior) / np.exp(prior).sum()
    if len(losses) < FEWEST_POINTS + joint:
        raise UserError(
            f"{len(losses)} sweeps do not tell how far losses lie from their law: {FEWEST_POINTS + joint} are"
            " needed"
        )
    same = np.tile(np.asarray(losses, float), (TRIED_A, 1))
    laws = fit_loss_laws(parameters, tokens, same, a=exponents, joint=joint)
    likelihood = -laws[0].freedom * np.log([max(law.deviation, SMALLEST_DEVIATION) for law in laws])
    weights = np.exp(prior + likelihood - (prior + likelihood).max())
    return exponents, weights / weights.sum()


def _reach(sweeps: Sequence[RateSweep], wanted: dict[str, float]) -> list[str]:
    """How far the prediction reaches beyond the sweeps."""
    notes, further = [], []
    for name, value in wanted.items():
        seen = [getattr(sweep, name) for sweep in sweeps]
        if value > max(seen):
            notes.append(f"{name}={value:.4g} is {value / max(seen):.2f} times the largest of the sweeps")
            span = max(seen) / min(seen)
            if value / max(seen) > span > 1:
                further.append(
                    f"{name}={value:.4g} lies further beyond the sweeps than they span ({span:.3g} times):"
                    " the interval holds as far as the law does"
                )
        elif value < min(seen):
            notes.append(f"{name}={value:.4g} is {value / min(seen):.2f} times the smallest of the sweeps")
    return notes + further


def _not_told(sweeps: Sequence[RateSweep], laws: dict[str, PowerOf | None]) -> list[str]:
    """Exponents that the sweeps do not tell."""
    notes = []
    if len({sweep.parameters for sweep in sweeps}) == 2:
        notes.append(
            f"two sizes do not tell the exponent of parameters: the published {PUBLISHED_A} is taken"
        )
    for what, powers in laws.items():
        unclear = [
            name for name, each in (powers.exponents if powers else {}).items() if not each.excludes_zero
        ]
        if unclear:
            notes.append(
                f"the best {what} cannot be told from one that does not change with {' and '.join(unclear)}"
            )
    return notes


def _edges(sweeps: Sequence[RateSweep], floors: Sequence[Floor]) -> list[str]:
    """Where the best lies beyond what was swept, or no basin was seen."""
    edges = [str(sweep) for sweep, floor in zip(sweeps, floors, strict=True) if floor.on_edge]
    notes = [f"the best of {', '.join(edges)} lies beyond what was swept"] if edges else []
    if not all(floor.fitted for floor in floors):
        notes.append("the runs are too few to show a basin: the best of each sweep stands for its floor")
    return notes
