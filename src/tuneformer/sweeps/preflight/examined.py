"""What the preflight found of a job, in a module that reads as quickly as it is told: without torch."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Examined:
    """What a job would train, on how many tokens or images, and seconds of a step (None: not measured)."""

    parameters: int
    units: int
    unit: str
    seconds_per_step: float | None
