"""The loss of actions against NumPy, and what comes of acting."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from tests.data.trajectories.small_splits import splits
from tests.data.trajectories.test_episodes import CONTINUOUS, HEAD
from tests.models.families import randomised, small_model
from tuneformer.data.trajectories import environments
from tuneformer.data.trajectories.windows import TrajectorySplits
from tuneformer.errors import UserError
from tuneformer.tasks.acting import ActingQuality, ActingTask, action_losses, mean_with_interval
from tuneformer.tasks.episodes_acted import acted_returns, first_seen

pytestmark = pytest.mark.fast

POLICIES = ("decision_transformer", "lstm_policy", "mlp_policy")
MODEL = {"n_states": 2, "n_times": 30}


class Counter:
    """An environment by hand: the state is how far it went, and the reward what the action adds to it."""

    def __init__(self, *, ends: int, discrete: bool) -> None:
        self.ends, self.discrete = ends, discrete

    def reset(self, *, seed: int) -> tuple[np.ndarray, dict[str, Any]]:
        self.steps, self.place = 0, float(np.random.default_rng(seed).normal())
        return np.array([self.place, 1.0]), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        added = float(action - 1) if self.discrete else float(action.sum())
        self.steps, self.place = self.steps + 1, math.cos(self.place + added)
        ended = self.steps == self.ends
        return np.array([self.place, 0.0]), added + self.place, ended, self.steps == 25, {}

    def close(self) -> None: ...


@pytest.fixture(params=[HEAD, CONTINUOUS], ids=["discrete", "continuous"])
def prepared(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> TrajectorySplits:
    """Episodes of the environment above, the third of which ends early."""
    from dataclasses import replace

    head = replace(request.param, most_steps=25)
    opened: list[int] = []

    def open_(name: str, *, corridor: int | None) -> Counter:
        assert (name, corridor) == ("Somewhere-v0", None)
        opened.append(0)
        return Counter(ends=99, discrete=head.discrete)

    monkeypatch.setattr(environments, "open_environment", open_)
    return splits(head=head, context_length=6)


def policy(name: str, prepared: TrajectorySplits) -> Any:
    settings = {
        key: value for key, value in MODEL.items() if name == "decision_transformer" or key != "n_times"
    }
    if name == "decision_transformer":
        settings["context_length"] = 6
    return randomised(small_model(name, n_actions=prepared.head.n_actions, **settings))


@pytest.mark.parametrize("name", POLICIES)
def test_acting_with_a_memory_is_acting_without(name: str, prepared: TrajectorySplits) -> None:
    model = policy(name, prepared)
    given: dict[str, Any] = {"seeds": [1, 2, 3, 4], "targets": [30.0, 20.0, 10.0, 0.0]}
    remembered = acted_returns(model, prepared, **given)
    again = acted_returns(model, prepared, **given, remembers=False)
    assert remembered == pytest.approx(again, abs=1e-5)
    assert len(set(remembered.tolist())) == 4


@pytest.mark.parametrize("name", POLICIES)
def test_environments_side_by_side_are_each_by_itself(name: str, prepared: TrajectorySplits) -> None:
    model = policy(name, prepared)
    together = acted_returns(model, prepared, seeds=[1, 2, 3], targets=[30.0, 20.0, 10.0])
    alone = [
        float(acted_returns(model, prepared, seeds=[seed], targets=[target])[0])
        for seed, target in ((1, 30.0), (2, 20.0), (3, 10.0))
    ]
    assert together == pytest.approx(alone, abs=1e-5)


def test_a_full_context_drops_its_older_half() -> None:
    assert [first_seen(time, context_length=4) for time in range(9)] == [0, 0, 0, 0, 2, 2, 4, 4, 6]
    assert [first_seen(time, context_length=1) for time in range(3)] == [0, 1, 2]
    for context in (1, 2, 3, 5, 8):
        sizes = {time + 1 - first_seen(time, context_length=context) for time in range(60)}
        assert max(sizes) <= context


def test_losses_of_actions_are_cross_entropies_or_squared_errors() -> None:
    draw = np.random.default_rng(0)
    outputs, chosen = draw.normal(size=(2, 3, 4)), draw.integers(4, size=(2, 3))
    scored = np.array([[True, True, False], [True, False, False]])
    vectors = np.eye(4)[chosen]
    nats = np.log(np.exp(outputs).sum(-1)) - np.take_along_axis(outputs, chosen[..., None], -1)[..., 0]
    given = [torch.from_numpy(array) for array in (outputs, vectors, scored)]
    found = action_losses(given[0], given[1], given[2], discrete=True)
    assert found.numpy() == pytest.approx(nats * scored)
    squares = ((outputs - vectors) ** 2).sum(-1) * scored
    assert action_losses(given[0], given[1], given[2], discrete=False).numpy() == pytest.approx(squares)


def test_the_interval_is_that_of_student() -> None:
    values = np.array([3.0, 5.0, 10.0, 4.0])
    low, high = stats.t.interval(0.95, 3, loc=values.mean(), scale=stats.sem(values))
    assert mean_with_interval(values) == pytest.approx((5.5, low, high))
    assert mean_with_interval(values[:1])[0] == 3.0
    assert math.isnan(mean_with_interval(values[:1])[1])


def test_a_test_has_a_row_for_each_return_that_is_asked_for(prepared: TrajectorySplits) -> None:
    metric = ActingQuality(prepared, curve=True)
    model = policy("mlp_policy", prepared)
    width = prepared.head.n_actions
    metric.update(torch.zeros(1, 2, width), torch.zeros(1, 2, width), torch.tensor([[True, False]]))
    metric.act(model, [1, 2])
    metric.act(model, [3])
    expected = acted_returns(model, prepared, seeds=[1, 2, 3], targets=[30.0] * 3)
    values = metric.compute()
    assert float(values["return"]) == pytest.approx(expected.mean(), abs=1e-5)
    assert float(values["normalized_score"]) == pytest.approx((expected.mean() + 1) / 10, abs=1e-5)
    rows = metric.files()["returns.csv"].splitlines()
    assert [row.split(",")[0] for row in rows] == ["asked", "0.0", "30.0"]
    assert float(rows[2].split(",")[1]) == pytest.approx(expected.mean(), abs=1e-5)
    metric.reset()
    metric.update(torch.zeros(1, 2, width), torch.zeros(1, 2, width), torch.tensor([[True, False]]))
    assert math.isnan(float(metric.compute()["return"]))


def test_a_model_that_cannot_act_is_told() -> None:
    bare: Any = object.__new__(ActingTask)
    torch.nn.Module.__init__(bare)
    bare.model = torch.nn.Linear(2, 2)
    with pytest.raises(
        UserError, match=r"^model: Linear cannot act: it has no new_memory\(\) and next_action"
    ):
        bare.use(splits())
