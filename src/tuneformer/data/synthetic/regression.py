"""Linear regression in context: every example has other weights."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from tuneformer.config.ranges import Number, Range
from tuneformer.config.setting import Setting
from tuneformer.data.examples.examples import Examples
from tuneformer.data.settings import COUNT, FILLED_IN
from tuneformer.data.synthetic.base import SYMBOLS, SyntheticData
from tuneformer.data.task_facts import MetricFacts, TaskFacts
from tuneformer.errors import UserError

# beyond, the penalty noise^2 is lost beside the points in float64, or the squared error in float32
NOISE = Range(
    low=1e-6, high=1e6, holds_low=True, holds_high=True, words="must be at least 1e-6 and at most 1,000,000"
)
REGRESSION = TaskFacts(
    name="regression",
    done_by="tuneformer.tasks.regression.RegressionTask",
    metrics=(
        MetricFacts(name="loss", label="squared error"),
        MetricFacts(name="last_loss", label="squared error at the last point"),
    ),
    inputs=("numbers",),
)


@dataclass(frozen=True, kw_only=True)
class Regression(SyntheticData):
    """Points x_1, y_1, x_2, y_2, ... of y = w^T x + noise, and a last x; at every x its y is asked for.

    x and w are standard normal vectors of `n_symbols` dimensions, w the same within an example; the noise is
    normal with standard deviation `noise` (arXiv 2208.01066). A token is a real vector of n_symbols + 1
    elements: (x, 0) or (0, ..., 0, y). The squared error is scored. The best that anybody can expect is ridge
    regression on the points so far with penalty noise^2, the posterior mean of w.

    n_symbols = 2, context_length = 3, w = (1, 2), noise = 0:
        inputs   (1, -1, 0)  (0, 0, -1)  (3, 0, 0)
        targets  -1          .           3

    Raises:
        UserError: context_length is even, or the noise is negative.
    """

    tasks = (REGRESSION,)

    n_symbols: Annotated[int, Setting("dimensions of x and of the weights", SYMBOLS)]
    context_length: Annotated[int, Setting("vectors: n pairs (x, y), and an x", SYMBOLS)]
    noise: Annotated[Number, Setting("standard deviation of y around its plane", NOISE)]
    n_inputs: Annotated[
        int | None,
        Setting("elements of a vector", COUNT, null=FILLED_IN, weights=False, from_data=True),
    ]
    n_outputs: Annotated[
        int | None,
        Setting("elements of an answer", COUNT, null=FILLED_IN, weights=False, from_data=True),
    ]
    vocab_size: Annotated[
        int | None, Setting("none: vectors are no tokens", COUNT, null="there is none", weights=False)
    ]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.context_length % 2:
            raise UserError(f"data.context_length={self.context_length} must be odd: n pairs (x, y) and an x")

    @property
    def needs(self) -> dict[str, Any]:
        return {"n_inputs": self.n_symbols + 1, "n_outputs": 1}

    @property
    def numbers_an_example(self) -> int:
        return self.context_length * (self.n_symbols + 1)

    def draw(self, generator: np.random.Generator, n: int) -> Examples:
        length = (self.context_length + 1) // 2
        x = generator.standard_normal((n, length, self.n_symbols)).astype(np.float32)
        weights = generator.standard_normal((n, self.n_symbols, 1))
        y = (x @ weights)[:, :, 0] + self.noise * generator.standard_normal((n, length))
        inputs = np.zeros((n, 2 * length, self.n_symbols + 1), dtype=np.float32)
        targets = np.full((n, 2 * length, 1), np.nan, dtype=np.float32)
        inputs[:, ::2, :-1], inputs[:, 1::2, -1], targets[:, ::2, 0] = x, y, y
        return Examples(inputs[:, :-1], targets[:, :-1])

    def optimum(self, examples: Examples) -> dict[str, float]:
        """The squared error of ridge regression on these very points: over all, and at the last."""
        errors = ridge_errors(examples, penalty=self.noise**2)
        return {"loss": float(errors.mean()), "last_loss": float(errors[:, -1].mean())}


def ridge_errors(examples: Examples, *, penalty: float) -> np.ndarray:
    """(w_i^T x_i - y_i)^2, w_i = (X^T X + penalty I)^-1 X^T y over the points before i: (n, points)."""
    x = examples.inputs[:, ::2, :-1].astype(np.float64)
    y = examples.targets[:, ::2, 0].astype(np.float64)
    n, points, dimensions = x.shape
    gram = np.tile(penalty * np.eye(dimensions), (n, 1, 1))
    moment = np.zeros((n, dimensions, 1))
    errors = np.empty((n, points))
    for point in range(points):
        now = x[:, point, :, None]
        predicted = (np.linalg.solve(gram, moment) * now).sum(axis=(1, 2))
        errors[:, point] = (predicted - y[:, point]) ** 2
        gram = gram + now @ now.transpose(0, 2, 1)
        moment = moment + now * y[:, point, None, None]
    return errors
