"""A call with a shape or type that was not promised raises, of whatever function."""

from collections.abc import Callable

import pytest
import torch
from beartype import beartype
from beartype.roar import BeartypeCallHintViolation
from jaxtyping import Float
from torch import Tensor

from tests.shape_checks import checked
from tuneformer.optim.newton_schulz import newton_schulz

pytestmark = pytest.mark.fast


def product(a: Float[Tensor, "m k"], b: Float[Tensor, "k n"]) -> Float[Tensor, "m n"]:
    return a @ b


def transposed(a: Float[Tensor, "m n"]) -> Float[Tensor, "m n"]:
    return a.T


def beside(a: Float[Tensor, "m n"]) -> tuple[Float[Tensor, "m n"], int]:
    return product_checked(torch.zeros(5, 4), torch.zeros(4, 3))[:2, :2], len(a)


def halved(number: int) -> int:
    return number / 2  # pyright: ignore[reportReturnType]


product_checked = checked(product, typechecker=beartype)


def test_what_holds_passes_and_sizes_are_those_of_one_call() -> None:
    for m, k, n in [(2, 3, 4), (5, 6, 7)]:
        assert product_checked(torch.zeros(m, k), b=torch.zeros(k, n)).shape == (m, n)
    assert checked(beside, typechecker=beartype)(torch.zeros(2, 2))[1] == 2


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (product, (torch.zeros(2, 3), torch.zeros(3))),
        (product, (torch.zeros(2, 3), torch.zeros(4, 2))),
        (product, (torch.zeros(2, 3, dtype=torch.int64), torch.zeros(3, 2))),
        (transposed, (torch.zeros(2, 3),)),
        (halved, (4,)),
        (halved, ("four",)),
    ],
    ids=["dimensions", "sizes that differ", "dtype", "result", "type of the result", "type"],
)
def test_what_does_not_hold_raises(function: Callable[..., object], arguments: tuple[object, ...]) -> None:
    with pytest.raises(BeartypeCallHintViolation):
        checked(function, typechecker=beartype)(*arguments)


def test_the_functions_of_the_project_are_checked_so() -> None:
    with pytest.raises(BeartypeCallHintViolation):
        newton_schulz(torch.zeros(3), steps=1, eps=1e-7)
