"""Losses and metrics of synthetic tasks against NumPy."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tuneformer.data.examples.examples import Examples
from tuneformer.tasks.regression import RegressionTask, SquaredError
from tuneformer.tasks.synthetic import ScoredTokens, Synthetic

pytestmark = pytest.mark.fast
DRAW = np.random.default_rng(0)


class Says(nn.Module):
    """A model that says the same whatever it is given."""

    def __init__(self, answer: torch.Tensor) -> None:
        super().__init__()
        self.answer = nn.Parameter(answer)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.answer


def loss_of(task: type, model: nn.Module, batch: Examples) -> torch.Tensor:
    bare: Any = object.__new__(task)
    nn.Module.__init__(bare)
    bare.model = model
    return bare.loss(batch)


def token_batch() -> tuple[torch.Tensor, Examples]:
    logits = torch.from_numpy(DRAW.normal(size=(3, 4, 5)))
    targets = torch.tensor([[1, -100, 2, -100], [-100, -100, 4, -100], [0, 1, 2, 3]])
    return logits, Examples(torch.zeros(3, 4), targets)


def test_the_loss_is_the_mean_over_examples_of_the_mean_over_scored_places() -> None:
    logits, batch = token_batch()
    nats = -torch.log_softmax(logits, dim=-1).numpy()
    rows = [
        np.mean([nats[row, place, target] for place, target in enumerate(targets) if target >= 0])
        for row, targets in enumerate(batch.targets.tolist())
    ]
    assert loss_of(Synthetic, Says(logits), batch).item() == pytest.approx(np.mean(rows), rel=1e-12)


def test_loss_and_accuracy_of_a_split_count_every_scored_place_alike() -> None:
    logits, batch = token_batch()
    metric = ScoredTokens()
    for row in range(3):
        metric.score(Says(logits[row : row + 1]), batch.take(slice(row, row + 1)))
    nats = -torch.log_softmax(logits, dim=-1).numpy()
    places = [(r, p) for r in range(3) for p in range(4) if batch.targets[r, p] >= 0]
    answers = {place: int(batch.targets[place]) for place in places}
    found = metric.compute()
    assert found["loss"].item() == pytest.approx(np.mean([nats[(*p, a)] for p, a in answers.items()]))
    assert found["accuracy"].item() == pytest.approx(
        np.mean([nats[p].argmin() == a for p, a in answers.items()])
    )


def test_an_example_that_is_only_filled_in_changes_no_metric() -> None:
    logits, batch = token_batch()
    metric, padded = ScoredTokens(), ScoredTokens()
    metric.update(logits, batch.targets)
    padded.update(torch.cat((logits, logits)), torch.cat((batch.targets, torch.full((3, 4), -100))))
    assert padded.compute() == metric.compute()


def test_squared_errors_skip_what_is_not_asked_for_also_in_the_gradient() -> None:
    outputs = torch.from_numpy(DRAW.normal(size=(2, 3, 1)))
    targets = torch.tensor([[[1.0], [float("nan")], [2.0]], [[0.0], [float("nan")], [float("nan")]]])
    model = Says(outputs)
    batch = Examples(torch.zeros(2, 3), targets)
    gaps = (outputs - targets).squeeze(-1).numpy() ** 2
    loss = loss_of(RegressionTask, model, batch)
    assert loss.item() == pytest.approx(np.mean([np.nanmean(gaps[0]), gaps[1, 0]]))
    loss.backward()
    assert model.answer.grad is not None
    assert model.answer.grad.isfinite().all()
    assert not model.answer.grad[:, 1].any()
    metric = SquaredError()
    metric.score(model, batch)
    found = {name: value.item() for name, value in metric.compute().items()}
    assert found == pytest.approx({"loss": np.nanmean(gaps), "last_loss": gaps[0, 2]})
