"""Models that act: what they know at a step, and acting step by step."""

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.models.families import randomised, small_model
from tuneformer.models.acting.policy import Policy, Steps

pytestmark = pytest.mark.fast

POLICIES = ("decision_transformer", "lstm_policy", "mlp_policy")
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *[(name, {"returns": returns}) for name in POLICIES for returns in (True, False)],
    ("decision_transformer", {"time_embedding": False, "positions": "learned"}),
    ("decision_transformer", {"positions": "sinusoidal"}),
]


def steps(n_steps: int = 9) -> Steps:
    """Random steps of two episodes, in the middle of them."""
    draw = torch.Generator().manual_seed(0)
    return Steps(
        torch.randn(2, n_steps, generator=draw, dtype=torch.float64),
        torch.randn(2, n_steps, 4, generator=draw, dtype=torch.float64),
        torch.randn(2, n_steps, 3, generator=draw, dtype=torch.float64),
        torch.arange(n_steps, dtype=torch.int32).repeat(2, 1) + 5,
    )


def knows_of(model: Any, part: str, place: int) -> list[int]:
    """The steps whose output changes with what is given at one step."""
    given = steps()
    before = model(*given)
    changed: Tensor = getattr(given, part).clone()
    changed[:, place] += 1.0
    after = model(*given._replace(**{part: changed}))
    return [t for t in range(before.shape[1]) if not torch.equal(before[:, t], after[:, t])]


def leaks(model: Any) -> list[str]:
    """What an output knows that is only to come: an action by its own step, all else by an earlier one."""
    first = {"returns": 4, "states": 4, "actions": 5}
    return [part for part, known in first.items() if any(t < known for t in knows_of(model, part, 4))]


@pytest.mark.parametrize(("name", "changes"), VARIANTS)
def test_no_output_knows_its_action_or_a_later_step(name: str, changes: dict[str, Any]) -> None:
    model = randomised(small_model(name, **changes))
    assert leaks(model) == []
    assert knows_of(model, "states", 4)[0] == 4
    assert (4 in knows_of(model, "returns", 4)) is changes.get("returns", True)
    if name != "mlp_policy":
        assert knows_of(model, "actions", 4)[0] == 5
        assert 8 in knows_of(model, "states", 0)


class Peeks(torch.nn.Module):
    """A model that is given the state of the next step in place of the present one."""

    def __init__(self, model: Policy) -> None:
        super().__init__()
        self.model = model

    def forward(self, returns: Tensor, states: Tensor, actions: Tensor, times: Tensor) -> Tensor:
        return self.model(returns, states.roll(-1, dims=1), actions, times)


@pytest.mark.parametrize("name", POLICIES)
def test_a_planted_leak_of_the_next_state_is_found(name: str) -> None:
    assert leaks(Peeks(randomised(small_model(name)))) == ["states"]


@pytest.mark.parametrize(("name", "changes"), VARIANTS)
@pytest.mark.parametrize("at_once", [1, 3])
def test_step_by_step_it_says_what_it_says_at_once(name: str, changes: dict[str, Any], at_once: int) -> None:
    model, given = randomised(small_model(name, **changes)), steps()
    memory, whole = model.new_memory(), model(*given)
    for end in range(at_once, 10, at_once):
        window = Steps(*(part[:, :end] for part in given))
        # the action of the last step is not known yet
        actions = window.actions.clone()
        actions[:, -1] = 7.0
        said = model.next_action(window._replace(actions=actions), memory)
        torch.testing.assert_close(said, whole[:, end - 1], rtol=1e-10, atol=1e-10)
    assert memory.n_steps == 9


@pytest.mark.parametrize("name", POLICIES)
def test_each_episode_is_by_itself(name: str) -> None:
    model, given = randomised(small_model(name)), steps()
    together = model(*given)
    for row in range(2):
        alone = model(*(part[row : row + 1] for part in given))
        torch.testing.assert_close(alone[0], together[row], rtol=1e-10, atol=1e-10)


def test_a_decision_transformer_counts_its_products() -> None:
    model = small_model("decision_transformer")
    assert model.n_positions(12) == 36
    assert small_model("decision_transformer", returns=False).n_positions(12) == 24
    d = 16
    once = 2 * ((1 + 4 + 3) * d + 3 * d + 3 * d + 3)
    blocks = 2 * sum(p.numel() for p in [*model.blocks.parameters(), *model.norm.parameters()])
    mixing = sum(block.attention.mixing_flops(36) for block in model.blocks)
    assert model.forward_flops(12) == 12 * once + 36 * (blocks + mixing)
