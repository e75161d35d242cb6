"""Episodes that are recorded from environments of gymnasium, and what cannot be."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuneformer.config.options import load_option
from tuneformer.data.trajectories import trajectories
from tuneformer.data.trajectories.behaviour import CHANCE, EXPERTS, record_episodes
from tuneformer.data.trajectories.trajectories import Trajectories
from tuneformer.errors import UserError

CONF = Path(__file__).parents[3] / "conf"
pytest.importorskip("gymnasium", reason="the extra rl is not installed")


def data(tmp_path: Path, **changes: Any) -> Trajectories:
    """The option with small settings."""
    settings = load_option("data", "trajectories", [CONF])
    settings |= {"n_episodes": 30, "cache_dir": str(tmp_path), "policies": ("random", "noisy", "expert")}
    return Trajectories(**{key: value for key, value in (settings | changes).items() if key != "_target_"})


def test_episodes_are_recorded_once_and_split_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = data(tmp_path).prepare()
    monkeypatch.setattr(trajectories, "write_episodes", None)  # the second time they lie in the cache
    second = data(tmp_path, batch_size=3, target_return=1000).prepare()
    assert first.fingerprint == second.fingerprint
    assert {name: len(part.lengths) for name, part in first.episodes.items()} == {
        "validation": 3,
        "test": 3,
        "train": 24,
    }
    starts = np.concatenate([part.states[part.starts] for part in first.episodes.values()])
    assert len(np.unique(starts, axis=0)) == 30
    assert first.needs == {"n_states": 4, "n_actions": 2, "n_times": 500}
    assert first.head.expert_return > 480
    assert 15 < first.head.random_return < 30
    assert first.acting.target == 500
    assert second.notes[1].startswith("data.target_return=1000 was never reached: the best is 500.0")


def test_recorded_episodes_are_those_that_the_environment_gives(tmp_path: Path) -> None:
    import gymnasium  # pyright: ignore[reportMissingImports]

    head, found = record_episodes("Pendulum-v1", corridor=None, policies=("random",), n_episodes=2)
    assert (head.discrete, head.n_actions, head.low, head.high) == (False, 1, (-2.0,), (2.0,))
    environment = gymnasium.make("Pendulum-v1")
    state, _ = environment.reset(seed=1)
    for step in range(200, 400):
        assert np.array_equal(state, found.states[step])
        state, reward, *_ = environment.step(found.actions[step])
        assert float(reward) == found.rewards[step]
    assert found.lengths.tolist() == [200, 200]


@pytest.mark.parametrize("name", sorted(EXPERTS))
def test_the_more_chance_the_lower_the_return(name: str) -> None:
    corridor = 3 if name == "TMaze" else None
    policies = tuple(CHANCE)
    _, found = record_episodes(name, corridor=corridor, policies=policies, n_episodes=60)
    means = [float(found.returns[found.policies == number].mean()) for number in range(3)]
    assert means[0] <= means[1] <= means[2]
    assert means[0] < means[2]


def test_the_t_maze_pays_for_the_side_that_its_cue_showed() -> None:
    from tuneformer.data.trajectories.t_maze import TMaze

    maze = TMaze(corridor=3)
    cues = set()
    for seed in range(8):
        state, _ = maze.reset(seed=seed)
        cue = int(state[0])
        cues.add(cue)
        for place in range(3):
            state, reward, ended, _, _ = maze.step(0)
            assert state.tolist() == [0, place == 2]
            assert (reward, ended) == (0.0, False)
        _, reward, ended, _, _ = maze.step(seed % 2)
        assert ended
        assert reward == float((seed % 2 == 1) == (cue == 1))
    assert cues == {-1, 1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"environment": "CartPole-v9"},
            "data.environment=CartPole-v9 is not known to gymnasium: did you mean CartPole-v1?",
        ),
        (
            {"environment": "os:getcwd"},
            "data.environment=os:getcwd is not known to gymnasium: gymnasium.pprint_registry() lists",
        ),
        ({"environment": "Taxi-v4"}, "data.environment=Taxi-v4 shows Discrete(500): states must be vectors"),
        ({"environment": "Ant-v5"}, "data.environment=Ant-v5 cannot be opened: "),
        (
            {"environment": "MountainCarContinuous-v0"},
            "data.policies=noisy needs an expert in MountainCarContinuous-v0, and there are some only in",
        ),
        ({"held_out": 0.01}, "data.held_out=0.01 of 30 episodes leaves a split without one: give more"),
        ({"n_states": 5}, "data.n_states=5 is not what the data give (4): leave it null"),
    ],
)
def test_what_cannot_be_recorded_is_told_in_one_line(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as error:
        data(tmp_path, **changes).prepare()
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_a_corridor_is_of_one_environment(tmp_path: Path) -> None:
    for changes in ({"corridor": 5}, {"environment": "TMaze"}):
        with pytest.raises(UserError, match=r"^data\.corridor=(5|None) does not go with data\.environment="):
            data(tmp_path, **changes)


def test_a_file_of_episodes_is_read_and_one_of_another_environment_refused(tmp_path: Path) -> None:
    recorded = data(tmp_path).prepare()
    (file,) = (tmp_path / "trajectories").glob("*/episodes.npz")
    again = data(tmp_path, path=str(file)).prepare()
    assert again.fingerprint == recorded.fingerprint
    with pytest.raises(UserError) as error:
        data(tmp_path, path=str(file), environment="Acrobot-v1").prepare()
    assert str(error.value) == (
        f"data.path={file} is of environment=CartPole-v1, and data.environment=Acrobot-v1 has"
        " environment=Acrobot-v1"
    )
