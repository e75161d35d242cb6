"""Environments by name: opened, described, and acted in."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tuneformer.config.suggestions import nearest
from tuneformer.errors import UserError

T_MAZE = "TMaze"
"""An environment of ours; all others are gymnasium's, or registered there."""


@dataclass(frozen=True, kw_only=True)
class EnvironmentFacts:
    """What a model must know of an environment.

    Attributes:
        environment: its name in gymnasium.
        corridor: cells of the corridor, of the environment that has one.
        n_states: elements of a state.
        n_actions: actions to choose from, or elements of an action.
        low, high: the bounds of each element of an action; empty where one is chosen.
        most_steps: after so many an episode is cut off.
    """

    environment: str
    corridor: int | None
    n_states: int
    n_actions: int
    low: tuple[float, ...]
    high: tuple[float, ...]
    most_steps: int

    @property
    def discrete(self) -> bool:
        """Whether an action is one of `n_actions`."""
        return not self.low


def import_gymnasium() -> Any:
    """The package.

    Raises:
        UserError: it is not installed.
    """
    try:
        import gymnasium  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError as error:
        raise UserError("data=trajectories needs gymnasium: pip install 'tuneformer[rl]'") from error
    return gymnasium


def open_environment(name: str, *, corridor: int | None) -> Any:
    """A new environment.

    Raises:
        UserError: gymnasium is not installed, or the environment not known, not installed or without an end.
    """
    gymnasium = import_gymnasium()
    if name == T_MAZE:
        from tuneformer.data.trajectories.t_maze import TMaze

        assert corridor is not None
        return TMaze(corridor=corridor)
    if name not in gymnasium.registry:
        near = nearest(name, [T_MAZE, *gymnasium.registry])
        hint = f"did you mean {near}?" if near else "gymnasium.pprint_registry() lists those that are"
        raise UserError(f"data.environment={name} is not known to gymnasium: {hint}")
    try:
        environment = gymnasium.make(name)
    except Exception as error:  # of whichever package it is in
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise UserError(f"data.environment={name} cannot be opened: {reason}") from error
    if environment.spec.max_episode_steps is None:
        raise UserError(f"data.environment={name} has no max_episode_steps: its episodes may never end")
    return environment


def facts_of(environment: Any, *, name: str, corridor: int | None) -> EnvironmentFacts:
    """What the spaces of an environment say.

    Raises:
        UserError: states are no vectors, or actions neither a choice nor vectors with bounds.
    """
    from gymnasium.spaces import Box, Discrete  # pyright: ignore[reportMissingImports]

    seen, done = environment.observation_space, environment.action_space
    if not isinstance(seen, Box) or len(seen.shape) != 1:
        raise UserError(f"data.environment={name} shows {seen}: states must be vectors of numbers")
    if isinstance(done, Discrete) and done.start == 0:
        n_actions, low, high = int(done.n), (), ()
    elif isinstance(done, Box) and len(done.shape) == 1 and done.is_bounded():
        n_actions, low, high = done.shape[0], tuple(done.low.tolist()), tuple(done.high.tolist())
    else:
        raise UserError(
            f"data.environment={name} takes {done}: actions must be one of a number, or vectors with bounds"
        )
    return EnvironmentFacts(
        environment=name,
        corridor=corridor,
        n_states=seen.shape[0],
        n_actions=n_actions,
        low=low,
        high=high,
        most_steps=int(environment.spec.max_episode_steps),
    )


def random_action(facts: EnvironmentFacts, generator: np.random.Generator) -> Any:
    """An action drawn uniformly."""
    if facts.discrete:
        return int(generator.integers(facts.n_actions))
    return generator.uniform(facts.low, facts.high).astype(np.float32)


class EnvironmentBatch:
    """Environments side by side, each with its own seed; one whose episode has ended waits for the others."""

    def __init__(self, name: str, *, corridor: int | None, seeds: list[int]) -> None:
        self.environments = [open_environment(name, corridor=corridor) for _ in seeds]
        self.running = np.ones(len(seeds), dtype=bool)
        first = [each.reset(seed=seed)[0] for each, seed in zip(self.environments, seeds, strict=True)]
        self.states = np.array(first, dtype=np.float32)

    def step(self, actions: np.ndarray) -> np.ndarray:
        """Act in those whose episodes go on; return the rewards, 0 of the others. `states` are then new."""
        rewards = np.zeros(len(self.environments))
        for number in np.flatnonzero(self.running):
            action = actions[number]
            action = int(action) if np.issubdtype(actions.dtype, np.integer) else action
            state, reward, terminated, truncated, _ = self.environments[number].step(action)
            self.states[number], rewards[number] = state, reward
            self.running[number] = not (terminated or truncated)
        return rewards

    def close(self) -> None:
        """Let them go."""
        for environment in self.environments:
            environment.close()


def check_same_environment(found: EnvironmentFacts, asked: EnvironmentFacts, *, named: str) -> None:
    """Raises UserError where episodes are of another environment than the one that is asked for."""
    for key, value in vars(asked).items():
        other = getattr(found, key)
        if other != value:
            raise UserError(
                f"{named} is of {key}={other}, and data.environment={asked.environment} has {key}={value}"
            )
