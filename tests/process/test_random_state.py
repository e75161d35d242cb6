"""Random state as a function of numbers."""

import math
import random
from itertools import product

import numpy as np
import pytest
import torch

from tuneformer.process.random_state import mix, set_random_state


def drawn() -> tuple[list[float], list[float], float]:
    return torch.rand(4).tolist(), np.random.rand(4).tolist(), random.random()


@pytest.mark.fast
def test_equal_numbers_give_equal_draws_whatever_was_drawn_before() -> None:
    set_random_state(3, 1, 4)
    first = drawn()
    for _ in range(7):
        drawn()
    set_random_state(3, 1, 4)
    assert drawn() == first


@pytest.mark.fast
def test_dropout_draws_the_same_mask_from_the_same_state() -> None:
    ones = torch.ones(64)
    set_random_state(1, 2)
    mask = torch.nn.functional.dropout(ones, 0.5)
    set_random_state(1, 3)
    other = torch.nn.functional.dropout(ones, 0.5)
    set_random_state(1, 2)
    assert torch.equal(torch.nn.functional.dropout(ones, 0.5), mask)
    assert not torch.equal(mask, other)


@pytest.mark.fast
def test_mixed_numbers_do_not_collide_and_their_order_and_count_matter() -> None:
    numbers = range(12)
    triples = list(product(numbers, repeat=3))
    pairs = list(product(numbers, repeat=2))
    mixed = {mix(*group) for group in (*triples, *pairs)}
    assert len(mixed) == len(triples) + len(pairs)
    # 32 bits seed NumPy
    assert len({number & 0xFFFFFFFF for number in mixed}) == len(mixed)
    assert all(0 <= number < 1 << 64 for number in mixed)


@pytest.mark.fast
def test_neighbours_differ_in_half_of_their_bits() -> None:
    for position in range(3):
        flips = np.zeros(64)
        n = 2000
        for number in range(n):
            left, right = [5, 7, 11], [5, 7, 11]
            left[position], right[position] = number, number + 1
            changed = mix(*left) ^ mix(*right)
            flips += [changed >> bit & 1 for bit in range(64)]
        # each bit is a fair coin: five standard deviations
        assert np.abs(flips / n - 0.5).max() < 5 * 0.5 / math.sqrt(n), position


@pytest.mark.fast
def test_first_draws_of_neighbouring_states_are_uniform_and_unrelated() -> None:
    n = 1000
    values = np.empty(n)
    for step in range(n):
        set_random_state(0, 0, step, 0)
        values[step] = torch.rand(()).item()
    # Kolmogorov-Smirnov at one in a thousand, and the correlation of neighbours at four deviations
    ordered = np.sort(values)
    distance = np.abs(ordered - np.arange(1, n + 1) / n).max()
    assert distance < 1.95 / math.sqrt(n)
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 4 / math.sqrt(n)
