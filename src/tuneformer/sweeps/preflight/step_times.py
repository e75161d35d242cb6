"""How long the steps of a configuration take here."""

import itertools
import time
from typing import Any

from tuneformer.data.contract import Data, PreparedData
from tuneformer.training.lr_range_test.run import sweep_rates

SMALL_RATE = 1e-3  # of optimizer.lr: timing must not diverge


def step_times(
    config: dict[str, Any], data: Data[Any], prepared: PreparedData, *, warm_up: int, steps: int
) -> list[float]:
    """Seconds of each of `steps` training steps, after `warm_up` of them (1 at least)."""
    ends: list[float] = []
    low = SMALL_RATE * config["optimizer"]["lr"]
    sweep_rates(
        config,
        data=data,
        prepared=prepared,
        low=low,
        high=2 * low,
        steps=warm_up + steps,
        told=lambda _: ends.append(time.perf_counter()),
    )
    return [after - before for before, after in itertools.pairwise(ends[warm_up - 1 :])]
