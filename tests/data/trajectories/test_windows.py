"""Windows of episodes, by hand."""

from collections import Counter

import numpy as np
import pytest

from tests.data.trajectories.small_splits import splits
from tests.data.trajectories.test_episodes import CONTINUOUS, HEAD, episodes
from tuneformer.data.dealing import Part
from tuneformer.data.trajectories.window_batches import FIRST_SEED, WindowBatches
from tuneformer.data.trajectories.windows import actions_as_vectors, vectors_as_actions

pytestmark = pytest.mark.fast


def test_windows_of_a_split_have_every_step_once() -> None:
    prepared = splits(context_length=2)
    assert prepared.n_windows("test") == 3
    windows = prepared.covering("test", np.arange(3))
    assert windows.times.tolist() == [[0, 1], [2, 2], [0, 1]]
    assert windows.scored.tolist() == [[True, True], [True, False], [True, True]]
    assert (windows.returns * 30).round(4).tolist() == [[6, 5], [3, 3], [30, 20]]
    assert windows.actions.argmax(axis=-1).tolist() == [[0, 1], [2, 2], [1, 0]]
    back = windows.states * np.array(prepared.scaling.deviation) + np.array(prepared.scaling.mean)
    assert back[0, 1] == pytest.approx(episodes().states[1], abs=1e-6)


def test_every_step_of_training_begins_a_window_that_stays_in_its_episode() -> None:
    prepared = splits(context_length=2)
    windows = prepared.training_step(seed=0, step=0, batch_size=5)
    begun = Counter(
        (float(r) * 30, int(t)) for r, t in zip(windows.returns[:, 0], windows.times[:, 0], strict=True)
    )
    rounded = {(round(to_go), time): n for (to_go, time), n in begun.items()}
    assert rounded == {(6, 0): 1, (5, 1): 2, (30, 0): 2}
    assert windows.scored.all()
    longer = splits(context_length=4).training_step(seed=0, step=0, batch_size=5)
    assert sorted(longer.scored.sum(axis=1).tolist()) == [2, 2, 3, 3, 3]
    assert not longer.times[:, 0].any()


def test_parts_of_a_batch_are_the_batch() -> None:
    source = WindowBatches(splits(), batch_size=4, seed=3)
    whole = source.training_part(Part(5, 0, 1))
    parts = [source.training_part(Part(5, number, 2)) for number in range(2)]
    for name in whole._fields:
        both = np.concatenate([getattr(part, name).numpy() for part in parts])
        assert np.array_equal(both, getattr(whole, name).numpy())
    assert (whole.seeds == -1).all()


def test_an_evaluation_acts_in_each_episode_once_and_scores_each_window_once() -> None:
    source = WindowBatches(splits(n_episodes=5), batch_size=4, seed=0)
    assert source.n_examples("validation") == 5
    batch = source.evaluation_batch("validation", np.arange(6), together=slice(0, 6))
    assert (batch.seeds - FIRST_SEED["validation"]).tolist()[:5] == [0, 1, 2, 3, 4]
    assert batch.seeds[5] == -1
    assert int(batch.scored.sum()) == 5
    assert not batch.scored[3:].any()
    fewer = WindowBatches(splits(n_episodes=2), batch_size=4, seed=0)
    assert (fewer.evaluation_batch("test", np.arange(3), together=slice(0, 3)).seeds >= 0).tolist() == [
        True,
        True,
        False,
    ]


def test_actions_become_vectors_and_are_found_again() -> None:
    assert actions_as_vectors(np.array([2, 0]), HEAD).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert vectors_as_actions(np.array([[0.1, 0.3, 0.2]]), HEAD).tolist() == [1]
    vectors = actions_as_vectors(np.array([[-1.0, 2.0], [0.0, 0.5]]), CONTINUOUS)
    assert vectors.tolist() == [[-1, 1], [0, -0.5]]
    assert vectors_as_actions(vectors, CONTINUOUS).tolist() == [[-1.0, 2.0], [0.0, 0.5]]
    assert vectors_as_actions(np.array([[-7.0, 7.0]]), CONTINUOUS).tolist() == [[-1.0, 2.0]]
