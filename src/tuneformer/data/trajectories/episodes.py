"""Episodes of one environment, as arrays and in a file."""

import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tuneformer.data.trajectories.environments import EnvironmentFacts
from tuneformer.errors import UserError

FORMAT = 1
ARRAYS = ("states", "actions", "rewards", "lengths", "policies")
HEAD = "head"


@dataclass(frozen=True, kw_only=True)
class EpisodesHead(EnvironmentFacts):
    """What is true of all episodes of a file, beside what is of their environment.

    Attributes:
        policies: the names of the policies that acted.
        random_return, expert_return: the mean return of acting at random, and of the best policy known.
    """

    policies: tuple[str, ...]
    random_return: float
    expert_return: float


class Episodes(NamedTuple):
    """The steps of all episodes, one episode behind the other.

    states: float32 (step, n_states); actions: int64 (step,), or float32 (step, n_actions); rewards: float64
    (step,); lengths: steps of each episode; policies: the number of the policy of each.
    """

    states: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    lengths: np.ndarray
    policies: np.ndarray

    @property
    def starts(self) -> np.ndarray:
        """The first step of each episode."""
        return np.cumsum(self.lengths) - self.lengths

    @property
    def returns(self) -> np.ndarray:
        """The sum of the rewards of each episode."""
        return np.add.reduceat(self.rewards, self.starts)

    def take(self, numbers: np.ndarray) -> "Episodes":
        """The episodes of these numbers, in this order."""
        starts, lengths = self.starts[numbers], self.lengths[numbers]
        steps = np.concatenate([np.arange(a, a + n) for a, n in zip(starts, lengths, strict=True)])
        return Episodes(
            self.states[steps], self.actions[steps], self.rewards[steps], lengths, self.policies[numbers]
        )


def returns_to_go(rewards: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The reward of each step and all that follow in its episode, float64.

    rewards = (1, 2, 3, 10, 20), lengths = (3, 2): 6, 5, 3, 30, 20.
    """
    ends = np.cumsum(lengths)
    total = np.cumsum(rewards, dtype=np.float64)
    through_the_end = np.repeat(total[ends - 1], lengths)
    return through_the_end - total + rewards


def joined(episodes: list[Episodes]) -> Episodes:
    """All of them, one behind the other."""
    return Episodes(*(np.concatenate(parts) for parts in zip(*episodes, strict=True)))


def write_episodes(path: Path, head: EpisodesHead, episodes: Episodes) -> None:
    """Write a compressed NumPy archive: the arrays by name, and `head`, the bytes of a JSON object."""
    content = json.dumps({"format": FORMAT, **asdict(head)}).encode()
    arrays = dict(zip(ARRAYS, episodes, strict=True))
    with path.open("wb") as file:
        np.savez_compressed(file, head=np.frombuffer(content, dtype=np.uint8), **arrays)


def read_episodes(path: Path, *, named: str) -> tuple[EpisodesHead, Episodes]:
    """What `write_episodes` wrote; nothing in it is executed.

    Args:
        path: the file.
        named: what a message calls it.

    Raises:
        UserError: it cannot be read, is no file of episodes, or its arrays do not fit one another.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            head = _read_head(json.loads(archive[HEAD].tobytes()))
            episodes = Episodes(*(archive[name] for name in ARRAYS))
    except OSError as error:
        raise UserError(f"{named} cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{named} is no file of episodes: docs/guide-acting.md says what one holds"
        ) from error
    _check_shapes(head, episodes, named)
    _check_values(head, episodes, named)
    return head, episodes


def _read_head(content: dict[str, Any]) -> EpisodesHead:
    if content.pop("format") != FORMAT:
        raise ValueError("another format")
    for name in ("low", "high", "policies"):
        content[name] = tuple(content[name])
    head = EpisodesHead(**content)
    numbers = (head.n_states, head.n_actions, head.most_steps)
    if not all(isinstance(number, int) and number > 0 for number in numbers):
        raise ValueError("sizes that are no numbers")
    np.array([head.random_return, head.expert_return, *head.low, *head.high], dtype=np.float64)
    return head


def _check_shapes(head: EpisodesHead, episodes: Episodes, named: str) -> None:
    n_steps = int(episodes.lengths.sum()) if episodes.lengths.ndim == 1 else -1
    expected = {
        "states": (n_steps, head.n_states),
        "actions": (n_steps,) if head.discrete else (n_steps, head.n_actions),
        "rewards": (n_steps,),
        "policies": episodes.lengths.shape,
    }
    for name, shape in expected.items():
        found = getattr(episodes, name).shape
        if found != shape:
            raise UserError(f"{named}: {name} has the shape {found}, and must have {shape}")
    bounds = {len(head.low), len(head.high)} | (set[int]() if head.discrete else {head.n_actions})
    if len(bounds) != 1:
        raise UserError(f"{named}: low and high must be the bounds of {head.n_actions} elements")
    if not len(episodes.lengths) or episodes.lengths.min() < 1:
        raise UserError(f"{named}: every episode must have a step")


def _check_values(head: EpisodesHead, episodes: Episodes, named: str) -> None:
    for name in ("states", "rewards"):
        if not np.isfinite(getattr(episodes, name)).all():
            raise UserError(f"{named}: {name} must be finite numbers")
    actions = episodes.actions
    if head.discrete:
        outside = (actions < 0) | (actions >= head.n_actions)
        allowed = f"0 to {head.n_actions - 1}"
    else:
        outside = ~((actions >= head.low) & (actions <= head.high)).all(axis=1)
        allowed = f"{list(head.low)} to {list(head.high)}"
    if outside.any():
        step = int(outside.argmax())
        episode = int(np.searchsorted(np.cumsum(episodes.lengths), step, side="right"))
        raise UserError(
            f"{named}: episode {episode} has the action {actions[step].tolist()}, and {head.environment}"
            f" takes {allowed}"
        )
