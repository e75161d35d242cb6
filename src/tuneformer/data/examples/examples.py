"""Examples as arrays, the first axis counting them."""

from typing import Any, NamedTuple, Protocol


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
