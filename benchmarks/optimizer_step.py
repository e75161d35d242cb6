"""What a training step costs under each optimizer over the same step under AdamW, and its state."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from torch.optim import Optimizer

from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.data.text.token_batches import TokenBatch
from tuneformer.models.differentiable import twice_differentiable
from tuneformer.optim.hutchinson import hessian_taker, hutchinson_diagonal
from tuneformer.optim.state import state_tensors
from tuneformer.tasks.base import Task
from tuneformer.training.assembly import build_task
from tuneformer.training.start import prepare_data

BASELINE = "adamw"
WARM_UP = 3
STEPS = 10  # a whole period of every optimizer that does something every few steps


@dataclass(frozen=True, kw_only=True)
class OptimizerCost:
    """Medians of one optimizer: milliseconds of a whole training step, of its own part, and their ratios."""

    option: str
    step_ms: float
    own_ms: float
    ratio: float
    state_per_parameter: float


def measure_optimizer_steps(
    options: list[str], *, repeats: int, overrides: list[str]
) -> Iterator[OptimizerCost]:
    """Forward, backward and optimizer step of each option on the same model and batches, one after the other.

    STEPS steps under AdamW and STEPS of the option in turn, `repeats` times: a ratio is the median over
    these pairs, since what else a machine does changes from one minute to the next.
    """
    baseline = _Run(BASELINE, overrides)
    baseline.seconds(WARM_UP)
    for option in options:
        yield _measure(option, baseline, repeats=repeats, overrides=overrides)


def _measure(option: str, baseline: "_Run", *, repeats: int, overrides: list[str]) -> OptimizerCost:
    run = _Run(option, overrides)
    run.seconds(WARM_UP)
    pairs = [(baseline.seconds(STEPS), run.seconds(STEPS)) for _ in range(repeats)]
    return OptimizerCost(
        option=option,
        step_ms=1e3 * median(whole for _, (whole, _) in pairs),
        own_ms=1e3 * median(own for _, (_, own) in pairs),
        ratio=median(mine / theirs for (theirs, _), (mine, _) in pairs),
        state_per_parameter=run.state_per_parameter(),
    )


class _Run:
    """One model in training, step by step, without Lightning."""

    def __init__(self, option: str, overrides: list[str]) -> None:
        config = check_config(*compose_config([*overrides, f"optimizer={option}"]))
        data, prepared = prepare_data(config)
        self.task: Task = build_task(config, prepared)
        self.optimizer: Optimizer = self.task.build_optimizer()
        getattr(self.optimizer, "train", lambda: None)()
        batches = data.batches(prepared, seed=0).training_batches(accumulate=1, rank=0, world_size=1, start=0)
        self.batches = list(itertools.islice(batches, STEPS))
        self.in_closure = 0.0

    def seconds(self, steps: int) -> tuple[float, float]:
        """Mean seconds of a step, and of what the optimizer does beside forward and backward passes."""
        self.in_closure = 0.0
        started = time.perf_counter()
        for step in range(steps):
            self._step(self.batches[step % len(self.batches)])
        whole = time.perf_counter() - started
        return whole / steps, (whole - self.in_closure) / steps

    def state_per_parameter(self) -> float:
        """Numbers that the optimizer keeps, over numbers that train."""
        kept = sum(tensor.numel() for tensor in state_tensors(self.optimizer) if tensor.numel() > 1)
        return kept / sum(p.numel() for p in self.task.parameters())

    def _step(self, batch: TokenBatch) -> None:
        def closure() -> float:
            started = time.perf_counter()
            self.optimizer.zero_grad()
            loss = self.task.loss(batch)
            loss.backward()
            self.in_closure += time.perf_counter() - started
            return float(loss.detach())

        taker = hessian_taker(self.optimizer)
        if taker is not None:
            with twice_differentiable(self.task.model):
                taker.take_hessian(hutchinson_diagonal(self.task.loss(batch), list(self.task.parameters())))
        self.optimizer.step(closure)  # pyright: ignore[reportCallIssue, reportArgumentType]
