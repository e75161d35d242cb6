"""A T-maze: a cue at the start, a choice at the end, and a corridor between them."""

from types import SimpleNamespace
from typing import Any

import gymnasium  # pyright: ignore[reportMissingImports]
import numpy as np
from gymnasium.spaces import Box, Discrete  # pyright: ignore[reportMissingImports]

LEFT, RIGHT = 0, 1


class TMaze(gymnasium.Env[np.ndarray, np.int64]):
    """Right or left, as the cue said that was shown `corridor` steps before.

    A state is (cue, junction): the cue is -1 (left) or 1 (right) in the first state and 0 in all others; the
    second element is 1 at the junction. In the corridor every action leads to the next cell, so that nothing
    but memory is asked for (the passive T-maze of arXiv 2307.03864; Bakker 2001). The reward is 1 for the
    side that the cue showed, and 0 otherwise: the expected return without memory is 0.5.
    """

    def __init__(self, *, corridor: int) -> None:
        self.corridor = corridor
        self.observation_space = Box(-1.0, 1.0, (2,), np.float32)
        self.action_space = Discrete(2)
        # as gymnasium.make leaves it: a step in each cell, and the choice
        self.spec: Any = SimpleNamespace(max_episode_steps=corridor + 1)
        self._cue = LEFT
        self._cell = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Draw a cue, and show it."""
        super().reset(seed=seed)
        self._cue, self._cell = int(self.np_random.integers(2)), 0
        return self._state(), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Go on, or at the junction choose."""
        if self._cell < self.corridor:
            self._cell += 1
            return self._state(), 0.0, False, False, {}
        return self._state(), float(int(action) == self._cue), True, False, {}

    def _state(self) -> np.ndarray:
        shown = (2.0 * self._cue - 1.0) if self._cell == 0 else 0.0
        return np.array([shown, self._cell == self.corridor], dtype=np.float32)
