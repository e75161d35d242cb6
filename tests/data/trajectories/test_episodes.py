"""Returns to go, and files of episodes: what is written is read, and what is wrong is told in a line."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuneformer.data.trajectories.environments import open_environment
from tuneformer.data.trajectories.episodes import (
    Episodes,
    EpisodesHead,
    read_episodes,
    returns_to_go,
    write_episodes,
)
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast

HEAD = EpisodesHead(
    environment="Somewhere-v0",
    corridor=None,
    n_states=2,
    n_actions=3,
    low=(),
    high=(),
    most_steps=4,
    policies=("random", "expert"),
    random_return=-1.0,
    expert_return=9.0,
)
CONTINUOUS = replace(HEAD, n_actions=2, low=(-1.0, 0.0), high=(1.0, 2.0))


def episodes(head: EpisodesHead = HEAD) -> Episodes:
    """One of three steps, and one of two."""
    draw = np.random.default_rng(0)
    actions = np.array([0, 1, 2, 1, 0]) if head.discrete else draw.random((5, 2)).astype(np.float32)
    return Episodes(
        draw.normal(size=(5, 2)).astype(np.float32),
        actions,
        np.array([1.0, 2.0, 3.0, 10.0, 20.0]),
        np.array([3, 2]),
        np.array([0, 1]),
    )


def test_returns_to_go_are_what_is_still_to_come_of_the_same_episode() -> None:
    found = returns_to_go(np.array([1.0, 2.0, 3.0, 10.0, 20.0]), np.array([3, 2]))
    assert found.tolist() == [6.0, 5.0, 3.0, 30.0, 20.0]
    assert episodes().returns.tolist() == [6.0, 30.0]


def test_episodes_are_taken_in_the_order_that_is_asked_for() -> None:
    turned = episodes().take(np.array([1, 0]))
    assert turned.rewards.tolist() == [10.0, 20.0, 1.0, 2.0, 3.0]
    assert turned.lengths.tolist() == [2, 3]
    assert turned.starts.tolist() == [0, 2]


@pytest.mark.parametrize("head", [HEAD, CONTINUOUS], ids=["discrete", "continuous"])
def test_what_is_written_is_read(head: EpisodesHead, tmp_path: Path) -> None:
    write_episodes(tmp_path / "a.npz", head, episodes(head))
    again, found = read_episodes(tmp_path / "a.npz", named="data.path=a.npz")
    assert again == head
    for ours, theirs in zip(episodes(head), found, strict=True):
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("head", "changes", "message"),
    [
        (
            HEAD,
            {"actions": np.array([0, 1, 2, 3, 0])},
            ": episode 1 has the action 3, and Somewhere-v0 takes 0 to 2",
        ),
        (
            CONTINUOUS,
            {"actions": np.full((5, 2), -0.5, dtype=np.float32)},
            ": episode 0 has the action [-0.5, -0.5], and Somewhere-v0 takes [-1.0, 0.0] to [1.0, 2.0]",
        ),
        (HEAD, {"rewards": np.array([1, 2, 3, 4, np.nan])}, ": rewards must be finite numbers"),
        (HEAD, {"states": np.zeros((5, 3))}, ": states has the shape (5, 3), and must have (5, 2)"),
        (HEAD, {"lengths": np.array([5, 0])}, ": every episode must have a step"),
        (replace(HEAD, low=(1.0,)), {}, ": actions has the shape (5,), and must have (5, 3)"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(
    head: EpisodesHead, changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    base = CONTINUOUS if head is CONTINUOUS else HEAD
    write_episodes(tmp_path / "a.npz", head, episodes(base)._replace(**changes))
    with pytest.raises(UserError) as error:
        read_episodes(tmp_path / "a.npz", named="data.path=a.npz")
    assert str(error.value) == f"data.path=a.npz{message}"


def test_files_of_another_kind_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^data\.path=a cannot be read: No such file"):
        read_episodes(tmp_path / "a", named="data.path=a")
    (tmp_path / "text").write_text("no archive")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    np.savez(tmp_path / "pickle.npz", head=np.array([{}], dtype=object), allow_pickle=True)
    for name in ("text", "other.npz", "pickle.npz"):
        with pytest.raises(UserError, match=r"^data\.path=a is no file of episodes"):
            read_episodes(tmp_path / name, named="data.path=a")


def test_that_gymnasium_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(
        UserError, match=r"^data=trajectories needs gymnasium: pip install 'tuneformer\[rl\]'$"
    ):
        open_environment("CartPole-v1", corridor=None)
