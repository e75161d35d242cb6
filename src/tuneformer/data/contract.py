"""What a data option owes to training: its task, batches by step, what a model must have, and a record."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from tuneformer.config.suggestions import one_of
from tuneformer.data.settings import check_settings
from tuneformer.data.task_facts import TaskFacts

if TYPE_CHECKING:
    from tuneformer.data.batch_module import BatchModule
    from tuneformer.data.dealing import BatchSource

SPLITS = ("train", "validation", "test")
IGNORED = -100
"""A target that is not scored."""


class PreparedData(ABC):
    """Data that is ready to be trained on.

    Attributes:
        fingerprint: SHA-256, equal for equal data.
        notes: remarks for the user, one line each.
    """

    fingerprint: str
    notes: list[str]

    @property
    @abstractmethod
    def counts(self) -> dict[str, int | None]:
        """Units (`Data.unit`) of each split; None where examples are generated without end."""

    @property
    @abstractmethod
    def needs(self) -> dict[str, Any]:
        """What a model must have for this data, as `vocab_size`: settings of the groups data and model."""

    @property
    @abstractmethod
    def description(self) -> str:
        """What is trained on, in a few words: "4,898,023 training tokens (bytes)"."""

    @property
    def kept(self) -> dict[str, str]:
        """Files for the run directory, name -> content: a run can be used without its corpus."""
        return {}

    @property
    def mean_tokens(self) -> float | None:
        """Tokens of an example (of a source and of a target each) on average; None: data.context_length."""
        return None

    @property
    def optimum(self) -> dict[str, float]:
        """The best that any model can reach, where it is known: "val/loss" -> value."""
        return {}

    @property
    def references(self) -> dict[str, float]:
        """The validation losses of simple models, for scale: "bigram" -> value."""
        return {}


Prepared = TypeVar("Prepared", bound=PreparedData)


class Data(ABC, Generic[Prepared]):
    """An option of conf/data with its settings.

    Attributes:
        tasks: what a model may be asked to do with it.
        task: the name of one of them.
        batch_size: examples of one optimizer step, over all devices and accumulation.
        eval_batch_size: examples that a device evaluates at once.
        num_workers: processes that make batches beside the training process.
    """

    tasks: ClassVar[tuple[TaskFacts, ...]]

    task: str
    batch_size: int
    eval_batch_size: int
    num_workers: int

    def __post_init__(self) -> None:
        """Checks the settings of a dataclass.

        Raises:
            UserError: one is not allowed, or `task` is none of `tasks`, nor a dotted name of the user's own.
        """
        check_settings(self)
        if not (isinstance(self.task, str) and "." in self.task):
            one_of("data.task", self.task, [task.name for task in self.tasks])

    @property
    @abstractmethod
    def unit(self) -> str:
        """What is counted, in the plural: "tokens" or "images"."""

    @property
    @abstractmethod
    def units_per_step(self) -> int:
        """Units that one optimizer step trains on."""

    @abstractmethod
    def prepare(self) -> Prepared:
        """Fetch, split and convert the data, or find what was prepared before; without torch.

        Raises:
            UserError: it cannot be had, or does not go with the settings.
        """

    @abstractmethod
    def batch_source(self, prepared: Prepared, *, seed: int) -> "BatchSource[Any]":
        """What batches are made of. The first to import torch."""

    def batches(self, prepared: Prepared, *, seed: int) -> "BatchModule":
        """What the trainer takes its batches from."""
        from tuneformer.data.batch_module import BatchModule

        source = self.batch_source(prepared, seed=seed)
        return BatchModule(source, eval_batch_size=self.eval_batch_size, num_workers=self.num_workers)
