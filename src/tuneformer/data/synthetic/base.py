"""What every synthetic task shares: settings and their checks, the split, and examples by step."""

import hashlib
import json
from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from tuneformer.config.ranges import Number, Range, whole
from tuneformer.config.setting import Setting
from tuneformer.data.contract import SPLITS, PreparedData
from tuneformer.data.draws import philox, shuffled_rows
from tuneformer.data.examples.examples import ACCURACY, ExampleData, Examples
from tuneformer.data.settings import COUNT, TOKENS, VocabSize, check_follows
from tuneformer.data.synthetic.splits import in_split
from tuneformer.data.task_facts import MetricFacts, TaskFacts
from tuneformer.errors import UserError
from tuneformer.process.machine_memory import largest_two, room_here

# Generators of evaluation examples have keys that no run has: a seed of 2^63 or more is no seed.
EVALUATION = {"train": 1 << 63, "validation": (1 << 63) + 1, "test": (1 << 63) + 2}
MOST_DRAWS = 1000
SPARE = 2
"""How many examples are drawn for each that is wanted: some are of other splits."""
BYTES_OF_A_NUMBER = 4
NOT_OF_AN_EXAMPLE = ("batch_size", "eval_batch_size", "num_workers")
SYMBOLS = whole(2, 10**8)
SYNTHETIC = TaskFacts(
    name="synthetic",
    done_by="tuneformer.tasks.synthetic.Synthetic",
    metrics=(MetricFacts(name="loss", label="loss", form="{:.4f} nats per scored token"), ACCURACY),
    inputs=("tokens",),
)


@dataclass(frozen=True, kw_only=True)
class SyntheticData(ExampleData["SyntheticSplits"]):
    """A task whose examples are made by rule.

    An example belongs to a split by a hash of its inputs, so that splits share none whatever the seed of
    a run; `seed` and step say which examples of the training split a step takes. Where there are few
    examples `all_examples` lists them and training goes through them in shuffled epochs; elsewhere
    they are drawn anew for every step, and validation and test are fixed draws.

    Raises:
        UserError: a setting is not allowed.
    """

    tasks = (SYNTHETIC,)

    n_symbols: Annotated[int, Setting("different symbols", SYMBOLS)]
    context_length: Annotated[int, Setting("length of an example", SYMBOLS, unit=TOKENS)]
    vocab_size: VocabSize
    train_fraction: Annotated[
        Number,
        Setting(
            "share of all examples, by a hash of the example; the rest is half validation, half test",
            Range(low=0, high=1, holds_low=False, holds_high=False, words="must be above 0 and below 1"),
        ),
    ]
    n_validation: Annotated[int, Setting("examples that are evaluated, unless all are listed", COUNT)]
    n_test: Annotated[int, Setting("likewise", COUNT)]

    @property
    def n_tokens(self) -> int:
        """The vocabulary: the symbols, and the marks of a task."""
        return self.n_symbols

    @property
    def needs(self) -> dict[str, Any]:
        """What a model must have."""
        return {"vocab_size": self.n_tokens}

    @property
    def numbers_an_example(self) -> int:
        """Numbers that are held at once for each example that is drawn."""
        return self.context_length

    @abstractmethod
    def draw(self, generator: np.random.Generator, n: int) -> Examples:
        """`n` examples of any split."""

    def all_examples(self) -> Examples | None:
        """All examples of all splits, where there are few enough to list; else None."""
        return None

    def optimum(self, examples: Examples) -> dict[str, float]:
        """The best that any model can expect on these examples, by metric, where it is known."""
        del examples
        return {}

    def remarks(self) -> list[str]:
        """What else is known of the task, for the user."""
        return []

    def in_split(self, examples: Examples, name: str) -> np.ndarray:
        """True for the examples of a split, shape (n,)."""
        return in_split(examples.inputs, name, train_fraction=self.train_fraction)

    @property
    def unit(self) -> str:
        return "tokens"

    @property
    def units_per_step(self) -> int:
        return self.batch_size * self.context_length

    def prepare(self) -> "SyntheticSplits":
        check_follows(self, self.needs)
        return make_splits(self)


@dataclass(frozen=True, kw_only=True)
class SyntheticSplits(PreparedData):
    """The examples of a synthetic task, by split.

    Attributes:
        splits: their examples; where training has no end, as many of it as of validation.
        has_end: whether all examples of training are in `splits`.
        best: what `optimum` says.
    """

    data: SyntheticData
    splits: dict[str, Examples]
    has_end: bool
    fingerprint: str
    notes: list[str]
    best: dict[str, float]

    def split(self, name: str) -> Examples:
        return self.splits[name]

    def training_step(self, *, seed: int, step: int, batch_size: int) -> Examples:
        train = self.splits["train"] if self.has_end else None
        return training_examples(self.data, train, seed=seed, step=step, batch_size=batch_size)

    @property
    def counts(self) -> dict[str, int | None]:
        sizes = {name: int(np.prod(self.splits[name].inputs.shape[:2])) for name in SPLITS}
        return sizes | {"train": sizes["train"] if self.has_end else None}

    @property
    def needs(self) -> dict[str, Any]:
        return self.data.needs

    @property
    def optimum(self) -> dict[str, float]:
        return self.best

    @property
    def description(self) -> str:
        kind = type(self.data).__name__.lower()
        if self.has_end:
            return f"{len(self.splits['train'].inputs):,} training examples of {kind}"
        return f"examples of {kind} without end"


def make_splits(data: SyntheticData) -> SyntheticSplits:
    """The examples of a task, all checked and measured."""
    listed = data.all_examples()
    if listed is not None:
        splits = {name: listed.take(data.in_split(listed, name)) for name in SPLITS}
        for name, examples in splits.items():
            if not len(examples.inputs):
                raise UserError(f"data.train_fraction={data.train_fraction} leaves no example for {name}")
    else:
        sizes = {"train": data.n_validation, "validation": data.n_validation, "test": data.n_test}
        _check_memory(data)
        splits = {
            name: drawn_examples(data, name, philox(EVALUATION[name], 0), n) for name, n in sizes.items()
        }
    best = {
        f"{short}/{name}": value
        for short, split in (("val", "validation"), ("test", "test"))
        for name, value in data.optimum(splits[split]).items()
    }
    notes = [f"the best that can be expected: {name} {value:.4f}" for name, value in best.items()]
    return SyntheticSplits(
        data=data,
        splits=splits,
        has_end=listed is not None,
        fingerprint=_fingerprint(data, splits, has_end=listed is not None),
        notes=[*notes, *data.remarks()],
        best=best,
    )


def training_examples(
    data: SyntheticData, train: Examples | None, *, seed: int, step: int, batch_size: int
) -> Examples:
    """The global batch of an optimizer step, a pure function: out of `train`, or drawn where that is None."""
    if train is None:
        return drawn_examples(data, "train", philox(seed, step), batch_size)
    n_rows = len(train.inputs)
    return train.take(shuffled_rows(seed=seed, step=step, n_rows=n_rows, batch_size=batch_size))


def drawn_examples(data: SyntheticData, name: str, generator: np.random.Generator, n: int) -> Examples:
    """The first `n` examples of a split that the generator gives."""
    parts: list[Examples] = []
    missing = n
    for _ in range(MOST_DRAWS):
        drawn = data.draw(generator, SPARE * n)
        parts.append(drawn.take(data.in_split(drawn, name)))
        missing -= len(parts[-1].inputs)
        if missing <= 0:
            return Examples(*(np.concatenate(arrays)[:n] for arrays in zip(*parts, strict=True)))
    raise UserError(
        f"data.train_fraction={data.train_fraction} leaves {name} less than one example in {MOST_DRAWS}"
    )


def _check_memory(data: SyntheticData) -> None:
    """Raises UserError where this machine does not hold the examples that are evaluated."""
    sizes = {f"data.{name}": value for name, value in vars(data).items() if name not in NOT_OF_AN_EXAMPLE}
    sizes = {name: value for name, value in sizes.items() if type(value) is int}
    n_examples = SPARE * max(data.n_validation, data.n_test)
    needed = n_examples * data.numbers_an_example * BYTES_OF_A_NUMBER
    room_here().check_holds("the examples that are evaluated need", needed, lower=largest_two(sizes))


def _fingerprint(data: SyntheticData, splits: dict[str, Examples], *, has_end: bool) -> str:
    digest = hashlib.sha256(json.dumps([type(data).__name__, data.needs, has_end]).encode())
    for examples in splits.values():
        for array in examples:
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
