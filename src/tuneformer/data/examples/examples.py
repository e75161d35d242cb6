"""Examples as arrays, the first axis counting them, and what all data of examples share."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from tuneformer.data.contract import Data, Prepared
from tuneformer.data.settings import BatchSize, EvalBatchSize, TaskName, Workers
from tuneformer.data.task_facts import MetricFacts

if TYPE_CHECKING:
    from tuneformer.data.examples.example_batches import ExampleBatches

ACCURACY = MetricFacts(name="accuracy", label="accuracy", higher_is_better=True)
CLASS_METRICS = (MetricFacts(name="loss", label="loss", form="{:.4f} nats"), ACCURACY)
CLASSES_FILE = "classes.json"


class Examples(NamedTuple):
    """What a model is given and what it shall answer: NumPy arrays, or tensors once they are a batch.

    A target of -100, or of NaN where targets are real, is not scored.
    """

    inputs: Any
    targets: Any

    def take(self, rows: Any) -> "Examples":
        """Those examples: indices, a slice or true where an example is taken."""
        return Examples(self.inputs[rows], self.targets[rows])


class ExampleSource(Protocol):
    """Where training and evaluation take their examples from."""

    def training_step(self, *, seed: int, step: int, batch_size: int) -> Examples:
        """The global batch of an optimizer step: a pure function."""
        ...

    def split(self, name: str) -> Examples:
        """All examples of a split that is evaluated."""
        ...


@dataclass(frozen=True, kw_only=True)
class ExampleData(Data[Prepared]):
    """Data whose prepared form is an `ExampleSource`: the sizes of their batches, and how these are made."""

    task: TaskName
    batch_size: BatchSize
    eval_batch_size: EvalBatchSize
    num_workers: Workers

    def batch_source(self, prepared: Any, *, seed: int) -> "ExampleBatches":
        from tuneformer.data.examples.example_batches import ExampleBatches

        return ExampleBatches(prepared, batch_size=self.batch_size, seed=seed)


def classes_to_json(classes: Sequence[str]) -> str:
    """The names of classes in the order of their numbers, as CLASSES_FILE of a run directory keeps them."""
    return json.dumps(list(classes), ensure_ascii=False) + "\n"
