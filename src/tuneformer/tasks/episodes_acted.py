"""Acting in environments: a model chooses, step after step, until every episode has ended."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tuneformer.data.trajectories.environments import EnvironmentBatch
from tuneformer.data.trajectories.windows import TrajectorySplits, actions_as_vectors, vectors_as_actions
from tuneformer.models.acting.policy import Policy, Steps


def first_seen(time: int, *, context_length: int) -> int:
    """The first step that a model sees at step `time`.

    Where the context is full, the older half of it is dropped at once: what a memory holds stays valid for
    half a context, and acting with a memory is acting without one.
    """
    half = max(1, context_length // 2)
    over = max(0, time + 1 - context_length)
    return half * -(-over // half)


@torch.no_grad()
def acted_returns(
    model: Policy,
    prepared: TrajectorySplits,
    *,
    seeds: Sequence[int],
    targets: Sequence[float],
    remembers: bool = True,
) -> np.ndarray:
    """The return of an episode with each seed, side by side, where `targets` are asked for; float64.

    The likeliest action is taken, or the one that is put out. What is asked for falls by what was got.

    Args:
        model: in evaluation mode.
        prepared: the data that say in which environment, how it is scaled, and how much the model sees.
        seeds: of the environments.
        targets: a return for each.
        remembers: whether the model keeps the steps before, rather than read them again.
    """
    head, scaling, context = prepared.head, prepared.scaling, prepared.acting.context_length
    environments = EnvironmentBatch(head.environment, corridor=head.corridor, seeds=list(seeds))
    device = next(model.parameters()).device
    asked, got = np.array(targets, dtype=np.float64), np.zeros(len(seeds))
    history: list[Steps] = []
    memory, start = model.new_memory(), 0
    for time in range(head.most_steps):
        here = _step(scaling.returns(asked), scaling.states(environments.states), time, head.n_actions)
        history.append(Steps(*(part.to(device) for part in here)))
        first = first_seen(time, context_length=context)
        if first != start or not remembers:
            history = history[first - start :]
            memory, start = model.new_memory(), first
        window = Steps(*(torch.cat(parts, dim=1) for parts in zip(*history, strict=True)))
        outputs = model.next_action(window, memory).double().cpu().numpy()
        actions = vectors_as_actions(outputs, head)
        taken = torch.from_numpy(actions_as_vectors(actions, head)).to(device).unsqueeze(1)
        history[-1] = history[-1]._replace(actions=taken)
        rewards = environments.step(actions)
        got += rewards
        asked -= rewards
        if not environments.running.any():
            break
    environments.close()
    return got


def _step(returns: np.ndarray, states: np.ndarray, time: int, n_actions: int) -> tuple[Tensor, ...]:
    """A step whose action is still to be chosen, (batch, 1, ...)."""
    n = len(returns)
    return (
        torch.from_numpy(returns).unsqueeze(1),
        torch.from_numpy(states).unsqueeze(1),
        torch.zeros(n, 1, n_actions),
        torch.full((n, 1), time, dtype=torch.int32),
    )
