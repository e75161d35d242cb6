"""Random state as a function of (seed, step, rank), so that no callback can shift it.

Dropout and stochastic optimizers draw from the global generators, which anything may advance. Setting
them anew before each batch and each optimizer step makes a resumed run draw what it would have drawn.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

_MASK = (1 << 64) - 1


def mix(*numbers: int) -> int:
    """One well-mixed 64-bit integer from several (the finaliser of SplitMix64, applied to each in turn)."""
    state = 0x9E3779B97F4A7C15
    for number in numbers:
        state = (state + (number & _MASK) + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state


def set_random_state(*numbers: int) -> None:
    """Sets torch's, NumPy's and Python's global generators to a function of the numbers."""
    state = mix(*numbers)
    if torch.accelerator.is_available():
        torch.manual_seed(state)
    else:  # it would note the caller's stack for each kind of device, at a hundred times the cost
        torch.default_generator.manual_seed(state)
    np.random.seed(state & 0xFFFFFFFF)
    random.seed(state)


@contextmanager
def kept_random_state() -> Iterator[None]:
    """Puts the global generators back where they were."""
    numpy_state, python_state = np.random.get_state(), random.getstate()
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)
