import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneformer.data.text.token_batches import evaluation_rows, evaluation_windows, gather, window_starts

pytestmark = pytest.mark.fast


@given(
    seed=st.integers(0, 2**63),
    step=st.integers(0, 2**40),
    context_length=st.integers(1, 50),
    spare=st.integers(1, 50),
    batch_size=st.integers(1, 20),
)
def test_window_starts_are_a_function_of_seed_and_step_and_leave_room_for_a_window(
    seed: int, step: int, context_length: int, spare: int, batch_size: int
) -> None:
    n_tokens = context_length + spare

    def starts() -> np.ndarray:
        return window_starts(
            seed=seed, step=step, n_tokens=n_tokens, context_length=context_length, batch_size=batch_size
        )

    np.random.seed(0)
    first = starts()
    np.random.rand(3)
    assert np.array_equal(first, starts())
    assert first.shape == (batch_size,)
    assert first.dtype == np.int64
    assert first.min() >= 0
    assert first.max() + context_length <= n_tokens - 1


def draws(seed: int, step: int, batch_size: int = 1000) -> list[int]:
    return window_starts(seed=seed, step=step, n_tokens=108, context_length=8, batch_size=batch_size).tolist()


def test_seeds_and_steps_give_other_windows() -> None:
    assert draws(0, 1) != draws(1, 0)
    assert draws(0, 0) != draws(0, 1)
    assert len({tuple(draws(seed, step, 8)) for seed in range(10) for step in range(10)}) == 100


def test_every_offset_is_equally_likely_and_may_come_again() -> None:
    counts = np.bincount(draws(3, 5, 100_000), minlength=100)
    assert counts.shape == (100,)
    chi_squared = ((counts - 1000) ** 2 / 1000).sum()
    # 99 degrees of freedom: mean 99, standard deviation 14
    assert 57 < chi_squared < 155


def test_the_draw_of_a_step_is_the_same_on_every_machine() -> None:
    assert draws(0, 0, 4) == [3, 1, 61, 24]
    assert draws(1, 7, 4) == [16, 92, 72, 3]


@given(data=st.data(), dtype=st.sampled_from(["uint8", "uint16", "uint32"]))
def test_gathered_windows_are_slices_of_the_tokens(data: st.DataObject, dtype: str) -> None:
    tokens = np.arange(200).astype(dtype)
    context_length = data.draw(st.integers(1, 50))
    starts = data.draw(st.lists(st.integers(0, 199 - context_length), min_size=1, max_size=10))
    windows = gather(tokens, np.array(starts), context_length)
    assert windows.dtype == np.int64
    assert windows.tolist() == [list(range(start, start + context_length + 1)) for start in starts]


@given(n_tokens=st.integers(2, 200), context_length=st.integers(1, 60))
def test_evaluation_windows_score_every_token_but_the_first_once(n_tokens: int, context_length: int) -> None:
    tokens = np.arange(1000, 1000 + n_tokens)
    n = evaluation_windows(n_tokens, context_length)
    inputs, targets = evaluation_rows(tokens, np.arange(n + 2), context_length, ignored=-100)
    scored = targets[targets != -100]
    assert scored.tolist() == list(range(1001, 1000 + n_tokens))
    assert np.array_equal(inputs[targets != -100], scored - 1)
    assert (inputs[targets == -100] == 0).all()
    assert (targets[:n] != -100).any(axis=1).all()
    assert (targets[n:] == -100).all()
