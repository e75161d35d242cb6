"""What all data of examples share: the sizes of their batches, and how these are made."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuneformer.data.contract import Data, Prepared
from tuneformer.data.settings import BatchSize, EvalBatchSize, TaskName, Workers
from tuneformer.data.task_facts import MetricFacts

if TYPE_CHECKING:
    from tuneformer.data.examples.example_batches import ExampleBatches


ACCURACY = MetricFacts(name="accuracy", label="accuracy", higher_is_better=True)
CLASS_METRICS = (MetricFacts(name="loss", label="loss", form="{:.4f} nats"), ACCURACY)


@dataclass(frozen=True, kw_only=True)
class ExampleData(Data[Prepared]):
    """Data whose prepared form is an `ExampleSource`."""

    task: TaskName
    batch_size: BatchSize
    eval_batch_size: EvalBatchSize
    num_workers: Workers

    def batch_source(self, prepared: Any, *, seed: int) -> "ExampleBatches":
        from tuneformer.data.examples.example_batches import ExampleBatches

        return ExampleBatches(prepared, batch_size=self.batch_size, seed=seed)
