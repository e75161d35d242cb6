"""Powers of size and length: planted ones are found, and intervals hold what they should."""

import numpy as np
import pytest
from scipy.stats import linregress

from tuneformer.analysis.laws.rate_law import fit_powers
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast

N, D = (each.ravel() for each in np.meshgrid([1e7, 3e7, 1e8], [1e9, 3e9, 1e10]))
POINTS = {"parameters": N, "tokens": D}


def test_powers_without_noise_are_found() -> None:
    powers = fit_powers(POINTS, 1.79 * N**-0.713 * D**0.307)
    assert [powers.exponents[name].value for name in POINTS] == pytest.approx([-0.713, 0.307], rel=1e-9)
    assert all(each.excludes_zero for each in powers.exponents.values())
    wanted = 1.79 * 1e9**-0.713 * 1e11**0.307
    assert powers.at({"parameters": 1e9, "tokens": 1e11}) == pytest.approx((wanted,) * 3, rel=1e-6)


def test_of_one_quantity_it_is_linear_regression() -> None:
    values = np.array([1.0, 2.5, 3.1, 5.2, 8.0])
    tokens = [1e8, 2e8, 4e8, 8e8, 2e9]
    powers = fit_powers({"parameters": [1e7] * 5, "tokens": tokens}, values)
    slope, _, _, _, error = map(float, linregress(np.log(tokens), np.log(values)))
    exponent = powers.exponents["tokens"]
    assert exponent.value == pytest.approx(slope, rel=1e-9)
    assert (exponent.high - exponent.low) / 2 == pytest.approx(3.182446 * error, rel=1e-5)
    assert powers.names == ("tokens",)


def test_intervals_hold_a_new_value_in_95_of_100_cases() -> None:
    draw = np.random.default_rng(0)
    held = told = 0
    for _ in range(2000):
        powers = fit_powers(POINTS, N**-0.5 * np.exp(0.1 * draw.standard_normal(len(N))))
        _, low, high = powers.at({"parameters": 1e9, "tokens": 1e10})
        held += low < 1e9**-0.5 * np.exp(0.1 * draw.standard_normal()) < high
        told += powers.exponents["tokens"].excludes_zero
    assert 0.93 < held / 2000 < 0.97
    assert 0.03 < told / 2000 < 0.07  # no power of tokens was planted


def test_too_few_sweeps_are_refused() -> None:
    with pytest.raises(
        UserError, match=r"4 sweeps do not tell powers of parameters and tokens: 5 are needed"
    ):
        fit_powers(
            {name: each[:4] for name, each in POINTS.items()} | {"parameters": [1, 1, 2, 2]}, [1, 2, 3, 4]
        )
