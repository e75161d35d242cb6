"""Who acts while episodes are recorded: scripted experts, with more or less chance."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tuneformer.data.draws import philox
from tuneformer.data.trajectories.environments import (
    T_MAZE,
    EnvironmentFacts,
    facts_of,
    open_environment,
    random_action,
)
from tuneformer.data.trajectories.episodes import Episodes, EpisodesHead, joined
from tuneformer.errors import UserError

CHANCE: Mapping[str, float] = {"random": 1.0, "noisy": 0.5, "expert": 0.05}
"""Policy -> how often it acts at random; else as the expert does."""
REFERENCE_EPISODES = 100
RECORDED, REFERENCE = 0, 1 << 30
"""First seeds of the environments whose episodes are kept, and of those that returns are compared to."""
ACTS = 1 << 63
"""Beside the number of an episode the key of its chances."""

Expert = Callable[[np.ndarray, np.ndarray], Any]
"""From the first state of the episode and the present one to an action."""


def balance_pole(_: np.ndarray, state: np.ndarray) -> int:
    """CartPole: push to the side that the pole falls to, and a little against where the cart goes."""
    place, speed, angle, turning = state
    return int(angle + 0.5 * turning + 0.05 * place + 0.1 * speed > 0)


def swing_acrobot(_: np.ndarray, state: np.ndarray) -> int:
    """Acrobot: turn the second link the way that it turns already, which adds energy."""
    return 2 if state[5] > 0 else 0


def swing_pendulum(_: np.ndarray, state: np.ndarray) -> np.ndarray:
    """Pendulum: add energy up to that of standing still on top; near the top, balance."""
    cosine, sine, turning = state
    if cosine > 0.8:
        torque = -(10.0 * np.arctan2(sine, cosine) + 2.5 * turning)
    else:
        missing = 5.0 * (1.0 - cosine) - turning**2 / 6.0
        torque = np.sign(missing) * (2.0 if turning >= 0 else -2.0)
    return np.array([np.clip(torque, -2.0, 2.0)], dtype=np.float32)


def climb(_: np.ndarray, state: np.ndarray) -> int:
    """MountainCar: push the way that the car rolls."""
    return 2 if state[1] > 0 else 0


def follow_cue(first: np.ndarray, state: np.ndarray) -> int:
    """The T-maze: straight on, and then to the side that the cue showed."""
    return int(first[0] > 0) if state[1] else 0


EXPERTS: Mapping[str, Expert] = {
    "CartPole-v1": balance_pole,
    "Acrobot-v1": swing_acrobot,
    "Pendulum-v1": swing_pendulum,
    "MountainCar-v0": climb,
    T_MAZE: follow_cue,
}


def record_episodes(
    name: str, *, corridor: int | None, policies: tuple[str, ...], n_episodes: int
) -> tuple[EpisodesHead, Episodes]:
    """Episodes of an environment, the policies taking turns; the same ones each time.

    Raises:
        UserError: the environment cannot be opened, or nobody is known to be an expert in it.
    """
    environment = open_environment(name, corridor=corridor)
    facts = facts_of(environment, name=name, corridor=corridor)
    expert = EXPERTS.get(name)
    asked = [policy for policy in policies if CHANCE[policy] < 1.0]
    if asked and expert is None:
        raise UserError(
            f"data.policies={asked[0]} needs an expert in {name}, and there are some only in"
            f" {', '.join(EXPERTS)}: choose data.policies=[random], or give data.path"
        )

    def record(number: int, *, seed: int, policy: str) -> Episodes:
        return record_one(environment, facts, expert, chance=CHANCE[policy], seed=seed, key=number)

    kept = joined(
        [
            record(number, seed=RECORDED + number, policy=policies[number % len(policies)])
            for number in range(n_episodes)
        ]
    )
    kept = kept._replace(policies=np.arange(n_episodes) % len(policies))

    def mean_return(policy: str) -> float:
        seeds = range(REFERENCE, REFERENCE + REFERENCE_EPISODES)
        returns = [record(seed, seed=seed, policy=policy).rewards.sum() for seed in seeds]
        return float(np.mean(returns))

    head = EpisodesHead(
        **vars(facts),
        policies=policies,
        random_return=mean_return("random"),
        expert_return=mean_return("expert") if expert is not None else float(kept.returns.max()),
    )
    environment.close()
    return head, kept


def record_one(
    environment: Any, facts: EnvironmentFacts, expert: Expert | None, *, chance: float, seed: int, key: int
) -> Episodes:
    """One episode; `chance` is the probability of an action at random."""
    generator = philox(ACTS, key)
    first, _ = environment.reset(seed=seed)
    state, ended = first, False
    states, actions, rewards = [], [], []
    while not ended:
        if expert is None or generator.random() < chance:
            action = random_action(facts, generator)
        else:
            action = expert(first, state)
        states.append(state)
        actions.append(action)
        state, reward, terminated, truncated, _ = environment.step(action)
        rewards.append(float(reward))
        ended = terminated or truncated
    return Episodes(
        np.array(states, dtype=np.float32),
        np.array(actions, dtype=np.int64 if facts.discrete else np.float32),
        np.array(rewards, dtype=np.float64),
        np.array([len(rewards)]),
        np.array([0]),
    )
