"""Acting: the actions of episodes are learned, and what is learned acts in the environment."""

import csv
import io
import math

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from scipy.special import stdtrit
from torch import Tensor, nn

from tuneformer.data.trajectories.window_batches import WindowBatch
from tuneformer.data.trajectories.windows import TrajectorySplits
from tuneformer.errors import UserError
from tuneformer.models.acting.policy import Policy
from tuneformer.tasks.base import Task
from tuneformer.tasks.episodes_acted import acted_returns
from tuneformer.tasks.metric import SUM_DTYPE, TaskMetric

CURVE_FILE = "returns.csv"
CONFIDENCE = 0.95


class ActingTask(Task):
    """Minimises the mean over windows of the mean over their steps of the loss of an action.

    That is -log p(action), in nats, of one among several, and of a vector its squared error, between bounds
    of -1 and 1. Validation and test: `ActingQuality`.
    """

    def use(self, prepared: TrajectorySplits) -> None:
        """See `Task`.

        Raises:
            UserError: the model does not say how it acts.
        """
        self.discrete = prepared.head.discrete
        if not (hasattr(self.model, "next_action") and hasattr(self.model, "new_memory")):
            raise UserError(
                f"model: {type(self.model).__name__} cannot act: it has no new_memory() and next_action()"
            )

    @classmethod
    def metric(cls, prepared: TrajectorySplits, *, split: str) -> "ActingQuality":
        return ActingQuality(prepared, curve=split == "test")

    @classmethod
    def model_inputs(cls, batch: WindowBatch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return batch.returns, batch.states, batch.actions, batch.times

    def loss(self, batch: WindowBatch) -> Tensor:
        outputs = self.model(*self.model_inputs(batch))
        losses = action_losses(outputs, batch.actions, batch.scored, discrete=self.discrete)
        return (losses.sum(dim=1) / batch.scored.sum(dim=1).clamp(min=1)).mean()


class ActingQuality(TaskMetric):
    """How well the actions of a split are told, and what acting comes to.

        loss             = the loss of an action, the mean over all steps of the split
        return           = the mean return of data.eval_episodes episodes, asked for data.target_return
        return_low/_high = its 95 % interval by Student's t over the episodes
        normalized_score = (return - return at random) / (return of the expert - return at random)

    The test acts again for each of some lower targets, on the same seeds: returns.csv has what was asked for
    and what came of it. Sums and episodes add up over processes.
    """

    losses: Tensor
    steps: Tensor
    episodes: list[Tensor]

    def __init__(self, prepared: TrajectorySplits, *, curve: bool) -> None:
        super().__init__()
        self.prepared = prepared
        acting = prepared.acting
        self.targets = (*(acting.asked if curve else ()), acting.target)
        self.add_state("losses", torch.zeros((), dtype=SUM_DTYPE), dist_reduce_fx="sum")
        self.add_state("steps", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("episodes", [], dist_reduce_fx="cat")
        self._hold_a_place()

    def score(self, model: nn.Module, batch: WindowBatch) -> None:
        """Add a batch, and act in the episodes whose seeds it has."""
        outputs = model(*ActingTask.model_inputs(batch))
        self.update(outputs, batch.actions, batch.scored)
        seeds = batch.seeds[batch.seeds >= 0].tolist()
        if seeds:
            self.act(model, seeds)

    def update(
        self,
        outputs: Float[Tensor, "batch time action"],
        actions: Float[Tensor, "batch time action"],
        scored: Bool[Tensor, "batch time"],
    ) -> None:
        """Add the loss of a batch."""
        losses = action_losses(outputs, actions, scored, discrete=self.prepared.head.discrete)
        self.losses += losses.sum(dtype=SUM_DTYPE)
        self.steps += scored.sum()

    def act(self, model: nn.Module, seeds: list[int]) -> None:
        """Act in an episode for each seed and target, all side by side."""
        assert isinstance(model, Policy) or hasattr(model, "next_action")
        n, targets = len(seeds), self.targets
        returns = acted_returns(
            model,  # pyright: ignore[reportArgumentType] - a class of the user's own may act as well
            self.prepared,
            seeds=seeds * len(targets),
            targets=np.repeat(targets, n).tolist(),
        )
        for number in range(len(targets)):
            part = torch.from_numpy(returns[number * n : (number + 1) * n])
            rows = torch.stack((torch.full((n,), float(number), dtype=torch.float64), part), dim=1)
            self.episodes.append(rows.to(self.losses.device, SUM_DTYPE))

    def returns_for(self, number: int) -> np.ndarray:
        """The returns of the episodes so far that target `number` was asked for in."""
        parts = self.episodes if isinstance(self.episodes, list) else [self.episodes]
        rows = torch.cat([part.cpu() for part in parts]).double().numpy()
        return rows[rows[:, 0] == number, 1]

    def compute(self) -> dict[str, Tensor]:
        """The five figures; those of acting are NaN where nobody acted."""
        mean, low, high = mean_with_interval(self.returns_for(len(self.targets) - 1))
        values = {"return": mean, "return_low": low, "return_high": high}
        values["normalized_score"] = self._normalized(mean)
        loss = self.losses / self.steps
        return {"loss": loss} | {
            name: torch.tensor(value, dtype=SUM_DTYPE, device=loss.device) for name, value in values.items()
        }

    def reset(self) -> None:
        super().reset()
        self._hold_a_place()

    def files(self) -> dict[str, str]:
        """A row for each return that was asked for."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("asked", "return", "return_low", "return_high", "normalized_score"))
        for number, asked in enumerate(self.targets):
            mean, low, high = mean_with_interval(self.returns_for(number))
            writer.writerow(map(repr, (float(asked), mean, low, high, self._normalized(mean))))
        return {CURVE_FILE: text.getvalue()}

    def _normalized(self, value: float) -> float:
        head = self.prepared.head
        span = head.expert_return - head.random_return
        return (value - head.random_return) / span if span else math.nan

    def _hold_a_place(self) -> None:
        # a process that has acted in no episode sends numbers of the same type as the others
        self.episodes.append(torch.zeros((0, 2), dtype=SUM_DTYPE, device=self.losses.device))


def action_losses(
    outputs: Float[Tensor, "batch time action"],
    actions: Float[Tensor, "batch time action"],
    scored: Bool[Tensor, "batch time"],
    *,
    discrete: bool,
) -> Float[Tensor, "batch time"]:
    """Return -sum_i a_i log softmax(output)_i, or sum_i (output_i - a_i)^2, at each step, 0 unless scored."""
    if outputs.dtype != torch.float64:
        outputs = outputs.float()
    actions = actions.to(outputs.dtype)
    if discrete:
        losses = -(actions * F.log_softmax(outputs, dim=-1)).sum(dim=-1)
    else:
        losses = (outputs - actions).square().sum(dim=-1)
    return losses * scored


def mean_with_interval(values: np.ndarray) -> tuple[float, float, float]:
    """The mean of a sample and the ends of its 95 % interval, mean -+ t s / sqrt(n); NaN of too few."""
    n = len(values)
    mean = float(values.mean()) if n else math.nan
    if n < 2:
        return mean, math.nan, math.nan
    half = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2) * values.std(ddof=1) / math.sqrt(n))
    return mean, mean - half, mean + half
