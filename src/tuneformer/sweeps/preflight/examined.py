"""What the preflight found of a job, in a module that reads as quickly as it is told: without torch."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Examined:
    """What a job would train, on how many tokens or images, and seconds of a step (None: not measured).

    Attributes:
        beside_embeddings: its parameters without those of the embeddings and of the output matrix.
        flops_per_token: operations of training on a token; None where the model does not count them.
    """

    parameters: int
    beside_embeddings: int
    flops_per_token: float | None
    units: int
    unit: str
    seconds_per_step: float | None
