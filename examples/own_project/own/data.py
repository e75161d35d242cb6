"""Data of a new kind, which ask for a task of their own."""

from dataclasses import dataclass

import numpy as np

from tuneformer.data.examples.examples import Examples
from tuneformer.data.synthetic.base import SyntheticData
from tuneformer.data.task_facts import MetricFacts, TaskFacts

PARITY = TaskFacts(
    name="parity",
    done_by="own.task.Parity",
    metrics=(
        MetricFacts(name="loss", label="loss", form="{:.4f} nats"),
        MetricFacts(name="surprise", label="probability of the wrong bit", form="{:.4f}"),
    ),
    inputs=("tokens",),
    as_task="synthetic",
)


@dataclass(frozen=True, kw_only=True)
class Parities(SyntheticData):
    """Random bits; the target at each place is the parity of the bits up to there.

    inputs   1 0 1 1
    targets  1 1 0 1
    """

    tasks = (PARITY,)

    def draw(self, generator: np.random.Generator, n: int) -> Examples:
        """See `SyntheticData`."""
        bits = generator.integers(0, 2, size=(n, self.context_length))
        return Examples(bits, bits.cumsum(axis=1) % 2)
