"""What is measured of weights and optimizers that are 0, not finite, or keep what Adam does not."""

from typing import Any

import pytest
import torch
from torch import nn

from tuneformer.measures.weights import stable_rank
from tuneformer.optim.lamb import LAMB
from tuneformer.training.callbacks.curvature import preconditioner_of
from tuneformer.training.callbacks.update_sizes import sizes

pytestmark = pytest.mark.fast


def test_weights_of_norm_zero_have_a_norm_and_no_update_ratio() -> None:
    before = {"zero": [torch.zeros(2, 2)], "one": [torch.ones(2, 2)]}
    after = {"zero": [torch.ones(2, 2)], "one": [torch.full((2, 2), 0.5)]}
    assert sizes(before, after) == {
        "weight_norm/zero": 0.0,
        "weight_norm/one": 2.0,
        "update_ratio/one": pytest.approx(0.5),
    }


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_matrix_that_is_not_finite_has_no_stable_rank_and_raises_nothing(value: float) -> None:
    matrix = torch.eye(3)
    assert stable_rank(matrix) == pytest.approx(3)
    matrix[0, 0] = value
    assert torch.tensor(stable_rank(matrix)).isnan()


def test_an_optimizer_that_counts_its_steps_elsewhere_has_no_preconditioner_of_adam() -> None:
    weight = nn.Parameter(torch.ones(2, 2))
    weight.grad = torch.ones(2, 2)
    settings: dict[str, Any] = {"lr": 0.1, "betas": (0.9, 0.99), "eps": 1e-8}
    lamb = LAMB([weight], **settings, weight_decay=0.0, largest_norm=1.0)
    adam = torch.optim.AdamW([weight], **settings)
    for optimizer in (lamb, adam):
        optimizer.step()
    assert preconditioner_of(lamb) is None
    (diagonal,) = preconditioner_of(adam) or []
    torch.testing.assert_close(diagonal, torch.full((2, 2), 0.1))
