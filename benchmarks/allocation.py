"""The most memory that a computation holds at a time."""

from collections.abc import Callable
from typing import Any

from torch.profiler import ProfilerActivity, profile


def peak_bytes(compute: Callable[[], object]) -> float:
    """The most bytes of tensors that were allocated within `compute` at a time, on a CPU.

    What was there before is not counted, and nothing but torch's own allocations: the figure is the same
    whenever it is measured.
    """
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        compute()
    profiler: Any = recorded.profiler  # torch declares no size of a memory event
    now = peak = 0
    for event in profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            peak = max(peak, now)
    return float(peak)
