"""Windows of episodes: what a model is trained on, and how states, actions and returns are scaled."""

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from tuneformer.data.contract import SPLITS, PreparedData
from tuneformer.data.draws import shuffled_rows
from tuneformer.data.trajectories.environments import EnvironmentFacts
from tuneformer.data.trajectories.episodes import Episodes, EpisodesHead, returns_to_go

ACTING_FILE = "acting.json"


@dataclass(frozen=True, kw_only=True)
class EnvironmentScaling:
    """What numbers of an environment are divided by, by the steps of the training episodes.

    Attributes:
        mean, deviation: of each element of a state.
        largest_return: the largest return to go, by its absolute value.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    largest_return: float

    def states(self, states: np.ndarray) -> np.ndarray:
        """(state - mean) / deviation, float32."""
        return ((states - np.array(self.mean)) / np.array(self.deviation)).astype(np.float32)

    def returns(self, returns: np.ndarray) -> np.ndarray:
        """Return / the largest, float32."""
        return (returns / self.largest_return).astype(np.float32)


def scaling_of(episodes: Episodes) -> EnvironmentScaling:
    """That of these episodes."""
    to_go = returns_to_go(episodes.rewards, episodes.lengths)
    states = episodes.states.astype(np.float64)
    return EnvironmentScaling(
        mean=tuple(states.mean(axis=0).tolist()),
        deviation=tuple(np.maximum(states.std(axis=0), 1e-6).tolist()),
        largest_return=float(np.abs(to_go).max()) or 1.0,
    )


def actions_as_vectors(actions: np.ndarray, facts: EnvironmentFacts) -> np.ndarray:
    """What a model reads, float32 (..., n_actions): a 1 among 0, or a vector whose bounds become -1 and 1."""
    if facts.discrete:
        return np.eye(facts.n_actions, dtype=np.float32)[actions]
    low, high = np.array(facts.low), np.array(facts.high)
    return (2.0 * (actions - low) / (high - low) - 1.0).astype(np.float32)


def vectors_as_actions(outputs: np.ndarray, facts: EnvironmentFacts) -> np.ndarray:
    """What an environment takes: the likeliest action (batch,), or vectors within its bounds."""
    if facts.discrete:
        return outputs.argmax(axis=-1)
    low, high = np.array(facts.low), np.array(facts.high)
    inside = np.clip(outputs, -1.0, 1.0)
    return (low + (inside + 1.0) / 2.0 * (high - low)).astype(np.float32)


class Windows(NamedTuple):
    """Stretches of episodes of one length, those that end before it padded behind their end.

    returns: the return to go at each step, scaled, (window, step); states, actions: vectors; times: steps
    since the episode began; scored: true where there is a step.
    """

    returns: np.ndarray
    states: np.ndarray
    actions: np.ndarray
    times: np.ndarray
    scored: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Acting:
    """How a run acts in the environment when it is evaluated.

    Attributes:
        n_episodes: whose mean return is told.
        target: the return that is asked for.
        asked: the returns that the test asks for beside it, for the curve of asked and achieved ones.
        context_length: steps that the model sees at once.
    """

    n_episodes: int
    target: float
    asked: tuple[float, ...]
    context_length: int


@dataclass(frozen=True, kw_only=True)
class TrajectorySplits(PreparedData):
    """The episodes of each split."""

    head: EpisodesHead
    episodes: dict[str, Episodes]
    scaling: EnvironmentScaling
    acting: Acting
    fingerprint: str
    notes: list[str]

    def training_step(self, *, seed: int, step: int, batch_size: int) -> Windows:
        """The windows of a step: each step of the training episodes begins one, once an epoch.

        A window that would reach over the end of its episode begins earlier, as far as there are steps.
        """
        train = self.episodes["train"]
        rows = shuffled_rows(seed=seed, step=step, n_rows=len(train.rewards), batch_size=batch_size)
        episode = np.searchsorted(np.cumsum(train.lengths), rows, side="right")
        first = train.starts[episode]
        latest = first + np.maximum(0, train.lengths[episode] - self.acting.context_length)
        return self._windows("train", episode, np.minimum(rows, latest))

    def n_windows(self, split: str) -> int:
        """Windows side by side that cover each step of a split once."""
        return len(self._covering(split)[0])

    def covering(self, split: str, numbers: np.ndarray) -> Windows:
        """Those of these numbers."""
        episode, first = self._covering(split)
        return self._windows(split, episode[numbers], first[numbers])

    def _covering(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        part, length = self.episodes[split], self.acting.context_length
        counts = -(-part.lengths // length)
        episode = np.repeat(np.arange(len(counts)), counts)
        place = np.arange(len(episode)) - np.repeat(np.cumsum(counts) - counts, counts)
        return episode, part.starts[episode] + length * place

    def _windows(self, split: str, episode: np.ndarray, first: np.ndarray) -> Windows:
        part = self.episodes[split]
        steps = first[:, None] + np.arange(self.acting.context_length)
        start, end = part.starts[episode][:, None], (part.starts + part.lengths)[episode][:, None]
        scored = steps < end
        steps = np.minimum(steps, end - 1)
        return Windows(
            self._returns_to_go[split][steps],
            self.scaling.states(part.states[steps]),
            actions_as_vectors(part.actions[steps], self.head),
            (steps - start).astype(np.int32),  # whole numbers of 64 bits are tokens
            scored,
        )

    @cached_property
    def _returns_to_go(self) -> dict[str, np.ndarray]:
        """Of every step, scaled."""
        return {
            name: self.scaling.returns(returns_to_go(part.rewards, part.lengths))
            for name, part in self.episodes.items()
        }

    @property
    def counts(self) -> dict[str, int | None]:
        return {name: len(self.episodes[name].rewards) for name in SPLITS}

    @property
    def needs(self) -> dict[str, Any]:
        head = self.head
        return {"n_states": head.n_states, "n_actions": head.n_actions, "n_times": head.most_steps}

    @property
    def description(self) -> str:
        train = self.episodes["train"]
        return (
            f"{len(train.rewards):,} steps of {len(train.lengths):,} training episodes of"
            f" {self.head.environment}"
        )

    @property
    def kept(self) -> dict[str, str]:
        """What a model needs to act: the facts of the environment, the scaling, and what is asked of it."""
        content = {**asdict(self.head), **asdict(self.scaling), "target_return": self.acting.target}
        return {ACTING_FILE: json.dumps(content, indent=1) + "\n"}
