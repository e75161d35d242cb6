"""L(N, D) = E + A N^-a + B D^-b: planted laws are found, and what cannot tell one is refused."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from tuneformer.analysis.laws.loss_law import LossLaw, fit_loss_law, fit_loss_laws
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast

SIZES = [1e7, 3e7, 1e8, 3e8]
LENGTHS = [1e8, 3e8, 1e9, 3e9, 1e10]
N, D = (each.ravel() for each in np.meshgrid(SIZES, LENGTHS))


def published(n: np.ndarray, d: np.ndarray) -> np.ndarray:
    """The law of arXiv 2203.15556."""
    return 1.69 + 406.4 * n**-0.34 + 410.7 * d**-0.28


def numbers_of(law: LossLaw) -> list[float]:
    """E, A, B, a, b in units of one parameter and one token."""
    n, d = law.units
    return [law.floor, law.of_parameters * n**law.a, law.of_tokens * d**law.b, law.a, law.b]


def test_a_law_without_noise_is_found() -> None:
    law = fit_loss_law(N, D, published(N, D))
    assert numbers_of(law) == pytest.approx([1.69, 406.4, 410.7, 0.34, 0.28], rel=3e-3)
    assert law.loss(1e9, 1e11) == pytest.approx(published(np.array(1e9), np.array(1e11)), rel=1e-4)
    assert law.deviation < 2e-5
    assert law.freedom == len(N) - 5


def test_below_the_threshold_of_huber_it_is_least_squares_in_the_logarithm() -> None:
    losses = published(N, D) * np.exp(1e-4 * np.random.default_rng(0).standard_normal(len(N)))

    def residuals(x: np.ndarray) -> np.ndarray:
        return np.log(x[0] + np.exp(x[1]) * N ** -x[3] + np.exp(x[2]) * D ** -x[4]) - np.log(losses)

    start = [1.69, np.log(406.4), np.log(410.7), 0.34, 0.28]
    found = least_squares(residuals, start, x_scale=[0.1, 0.1, 0.1, 0.01, 0.01], xtol=1e-14, ftol=1e-14)
    law = fit_loss_law(N, D, losses)
    assert (law.floor, law.a, law.b) == pytest.approx((found.x[0], found.x[3], found.x[4]), rel=5e-3)
    assert law.deviation == pytest.approx(np.sqrt(found.fun @ found.fun / law.freedom), rel=2e-2)


def test_one_run_that_went_wrong_hardly_moves_it() -> None:
    losses = published(N, D)
    losses[7] *= 1.5
    assert numbers_of(fit_loss_law(N, D, losses))[-2:] == pytest.approx([0.34, 0.28], rel=0.02)


def test_of_one_size_the_law_is_of_tokens_alone() -> None:
    tokens = np.array(LENGTHS)
    law = fit_loss_law([1e8] * 5, tokens, 2.0 + 50 * tokens**-0.25)
    assert (law.of_parameters, law.freedom) == (0, 2)
    assert (law.floor, law.b) == pytest.approx((2.0, 0.25), rel=1e-3)
    assert law.loss(1e8, 1e12) == pytest.approx(2.05, rel=1e-4)


def test_a_known_exponent_is_taken() -> None:
    law = fit_loss_law(N, D, published(N, D), a=0.34)
    assert (law.a, law.freedom) == (0.34, len(N) - 4)
    assert law.b == pytest.approx(0.28, rel=1e-3)


@pytest.mark.parametrize(
    ("sizes", "lengths", "message"),
    [
        ([1e7, 1e8], LENGTHS, r"2 sizes cannot tell how the loss falls with parameters: three are needed"),
        (SIZES, [1e9, 2e9], r"2 lengths cannot tell how the loss falls with tokens: three are needed"),
    ],
)
def test_too_few_sizes_or_lengths_are_refused(sizes: list[float], lengths: list[float], message: str) -> None:
    n, d = (each.ravel() for each in np.meshgrid(sizes, lengths))
    with pytest.raises(UserError, match=message):
        fit_loss_law(n, d, published(n, d))


def test_losses_that_rise_are_refused() -> None:
    with pytest.raises(UserError, match=r"the losses do not fall with parameters and tokens"):
        fit_loss_law(N, D, 5 - published(N, D))


def test_laws_fitted_together_are_those_fitted_one_by_one() -> None:
    draw = np.random.default_rng(0)
    losses = np.array([published(N, D) * np.exp(0.004 * draw.standard_normal(len(N))) for _ in range(5)])
    known = np.array([0.2, 0.3, 0.34, 0.4, 0.6])
    for joint in (False, True):
        together = fit_loss_laws(N, D, losses, a=known, joint=joint)
        for law, y, a in zip(together, losses, known, strict=True):
            alone = fit_loss_law(N, D, y, a=float(a), joint=joint)
            assert (law.floor, law.b, law.deviation) == pytest.approx((alone.floor, alone.b, alone.deviation))
