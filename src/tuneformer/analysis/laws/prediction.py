"""What a run of another size and length comes to: loss, best rate and best batch, each with an interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tuneformer.analysis.laws.landscape import Floor, RateSweep, floors_of
from tuneformer.analysis.laws.loss_law import EXPONENTS, LossLaw, Numbers, fit_loss_law
from tuneformer.analysis.laws.rate_law import PowerOf, fit_powers
from tuneformer.analysis.statistics.intervals import CONFIDENCE
from tuneformer.errors import UserError

DRAWS = 200
PUBLISHED_A, PUBLISHED_SPREAD = 0.34, 0.3
"""The published exponent of N (2203.15556, 2404.10102), and a spread of its logarithm: 0.19 to 0.61."""
TRIED_A = 41
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
class Prediction:
    """What is predicted, from which laws, and what to know of it.

    Attributes:
        loss: the lowest of a sweep over rate and batch.
        learning_rate: where it is lowest.
        batch_size: the same, in the table's unit; None where the table has one batch.
        floors: of the sweeps that it rests on.
        law: of losses.
        rates: the powers of the best rate.
        batches: the powers of the best batch.
        notes: how far it reaches beyond the sweeps, and what these do not tell.
    """

    loss: Predicted
    learning_rate: Predicted
    batch_size: Predicted | None
    floors: tuple[Floor, ...]
    law: LossLaw
    rates: PowerOf
    batches: PowerOf | None
    notes: tuple[str, ...]


def predict(sweeps: Sequence[RateSweep], *, parameters: float, tokens: float) -> Prediction:
    """What a model of so many parameters comes to after so many tokens, tuned.

    Raises:
        UserError: the sweeps do not tell it.
    """
    sizes = sorted({sweep.parameters for sweep in sweeps})
    if len(sizes) < 2 and parameters != sizes[0]:
        raise UserError("one size does not tell how losses and rates change with parameters: sweep another")
    if len(sizes) == 2 and parameters > FURTHEST_FROM_TWO * sizes[-1]:
        raise UserError(
            f"two sizes do not tell the loss at parameters={parameters:.12g},"
            f" {parameters / sizes[-1]:.1f} times the larger: sweep a third"
        )
    floors = floors_of(sweeps)
    points = {
        "parameters": [sweep.parameters for sweep in sweeps],
        "tokens": [sweep.tokens for sweep in sweeps],
    }
    wanted = {"parameters": parameters, "tokens": tokens}
    rates = fit_powers(points, [floor.learning_rate for floor in floors])
    batch_varies = any(len({run.batch_size for run in sweep.runs}) > 1 for sweep in sweeps)
    batches = fit_powers(points, [floor.batch_size for floor in floors]) if batch_varies else None
    law, loss = _loss(points, [floor.loss for floor in floors], wanted)
    return Prediction(
        loss=loss,
        learning_rate=_of(rates, wanted),
        batch_size=None if batches is None else _of(batches, wanted),
        floors=tuple(floors),
        law=law,
        rates=rates,
        batches=batches,
        notes=tuple(_notes(sweeps, floors, wanted, rates, batches)),
    )


def _of(powers: PowerOf, wanted: dict[str, float]) -> Predicted:
    value, low, high = powers.at(wanted)
    return Predicted(value=value, low=low, high=high)


def _loss(
    points: dict[str, list[float]], losses: Sequence[float], wanted: dict[str, float]
) -> tuple[LossLaw, Predicted]:
    """The law and its prediction: its interval is that of laws fitted to losses drawn from it.

    The exponent of N of each draw is one that the losses and what was published allow; the spread of a draw
    has its own uncertainty (chi squared).
    """
    places = (points["parameters"], points["tokens"])
    exponents, weights = exponents_of_parameters(*places, losses)
    law = fit_loss_law(*places, losses, a=float(np.exp(np.log(exponents) @ weights)))
    fitted = np.array([law.loss(*point) for point in zip(*places, strict=True)])
    draw = np.random.default_rng(0)
    found = []
    for a in draw.choice(exponents, size=DRAWS, p=weights):
        spread = law.deviation * np.sqrt(law.freedom / draw.chisquare(law.freedom))
        again = fit_loss_law(*places, fitted * np.exp(spread * draw.standard_normal(len(fitted))), a=float(a))
        found.append(again.loss(**wanted) * np.exp(spread * draw.standard_normal()))
    low, high = np.quantile(found, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return law, Predicted(value=law.loss(**wanted), low=float(low), high=float(high))


def exponents_of_parameters(
    parameters: Numbers, tokens: Numbers, losses: Numbers
) -> tuple[np.ndarray, np.ndarray]:
    """Exponents of N and how probable each is, given the losses and what was published.

    A few sizes hardly tell it, and extrapolation rests on it. The losses weigh by their likelihood with
    an unknown deviation s, s^-freedom; PUBLISHED_A is the prior.
    """
    exponents = np.geomspace(*EXPONENTS, num=TRIED_A)
    prior = -(((np.log(exponents) - np.log(PUBLISHED_A)) / PUBLISHED_SPREAD) ** 2) / 2
    if len(set(parameters)) == 1:
        return exponents, np.exp(prior) / np.exp(prior).sum()
    laws = [fit_loss_law(parameters, tokens, losses, a=float(a)) for a in exponents]
    likelihood = -laws[0].freedom * np.log([max(law.deviation, SMALLEST_DEVIATION) for law in laws])
    weights = np.exp(prior + likelihood - (prior + likelihood).max())
    return exponents, weights / weights.sum()


def _notes(
    sweeps: Sequence[RateSweep],
    floors: Sequence[Floor],
    wanted: dict[str, float],
    rates: PowerOf,
    batches: PowerOf | None,
) -> list[str]:
    notes = []
    for name, value in wanted.items():
        seen = [getattr(sweep, name) for sweep in sweeps]
        if value > max(seen):
            notes.append(f"{name}={value:.4g} is {value / max(seen):.2f} times the largest of the sweeps")
        elif value < min(seen):
            notes.append(f"{name}={value:.4g} is {value / min(seen):.2f} times the smallest of the sweeps")
    if len({sweep.parameters for sweep in sweeps}) == 2:
        notes.append(
            f"two sizes do not tell the exponent of parameters: the published {PUBLISHED_A} is taken"
        )
    for what, powers in (("rate", rates), ("batch", batches)):
        unclear = [
            name for name, each in (powers.exponents if powers else {}).items() if not each.excludes_zero
        ]
        if unclear:
            notes.append(
                f"the best {what} cannot be told from one that does not change with {' and '.join(unclear)}"
            )
    edges = [str(sweep) for sweep, floor in zip(sweeps, floors, strict=True) if floor.on_edge]
    if edges:
        notes.append(f"the best of {', '.join(edges)} lies beyond what was swept")
    return notes
