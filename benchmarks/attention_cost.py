"""How time and memory of each attention module grow with the length of the text."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from benchmarks.allocation import peak_bytes
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.models.attention.base import AttentionBase
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.build import build_model
from tuneformer.models.forward_pass import ForwardPass

LENGTHS = (256, 512, 1024, 2048, 4096, 8192)
D_MODEL, N_HEADS = 32, 2
MIB = 2**20


@dataclass(frozen=True, kw_only=True)
class AttentionCost:
    """Forward and backward pass of one layer, for each of `lengths`.

    Attributes:
        option: of conf/attention.
        lengths: tokens of the one text in a batch.
        seconds: of the processor, on one thread: the least of the repeats.
        peak_bytes: the most that was allocated at a time, beyond the parameters and the input.
    """

    option: str
    lengths: tuple[int, ...]
    seconds: tuple[float, ...]
    peak_bytes: tuple[float, ...]

    @property
    def time_exponent(self) -> float:
        """p of the power law seconds = c length^p."""
        return fitted_exponent(self.lengths, self.seconds)

    @property
    def memory_exponent(self) -> float:
        """p of the power law bytes = c length^p."""
        return fitted_exponent(self.lengths, self.peak_bytes)


def fitted_exponent(xs: Sequence[float], ys: Sequence[float]) -> float:
    """The slope of the least-squares line through (log x, log y)."""
    log_x, log_y = [math.log(x) for x in xs], [math.log(y) for y in ys]
    mean_x, mean_y = sum(log_x) / len(log_x), sum(log_y) / len(log_y)
    covariance = sum((x - mean_x) * (y - mean_y) for x, y in zip(log_x, log_y, strict=True))
    return covariance / sum((x - mean_x) ** 2 for x in log_x)


def measure_attention_costs(
    options: Sequence[str], *, lengths: Sequence[int], repeats: int
) -> Iterator[AttentionCost]:
    """Measures each option as conf/ describes it, at d_model 32 with two heads, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for option in options:
            steps = [_training_pass(option, length) for length in lengths]
            yield AttentionCost(
                option=option,
                lengths=tuple(lengths),
                seconds=tuple(_least_seconds(step, repeats=repeats) for step in steps),
                peak_bytes=tuple(peak_bytes(step) for step in steps),
            )
    finally:
        torch.set_num_threads(threads)


def _training_pass(option: str, length: int) -> Callable[[], None]:
    module = build_layer(option, length)
    x = torch.randn(1, length, D_MODEL, generator=torch.Generator().manual_seed(0), requires_grad=True)
    inputs = [x, *module.parameters()]

    def step() -> None:
        shared = ForwardPass(start=0, mask=AttentionMask(causal=True), cache=None)
        torch.autograd.grad(module(x, shared).sum(), inputs)

    return step


def build_layer(option: str, context_length: int) -> nn.Module:
    """One layer's attention module with fresh weights, and positions as conf/model has them."""
    settings = {"d_model": D_MODEL, "n_heads": N_HEADS, "n_layers": 1}
    overrides = [f"attention={option}", *(f"model.{name}={value}" for name, value in settings.items())]
    config = check_config(*compose_config([*overrides, f"data.context_length={context_length}"]))
    model = build_model(config["model"], config["attention"], needs={"vocab_size": 2})
    return next(module for module in model.modules() if isinstance(module, AttentionBase))


def _least_seconds(step: Callable[[], None], *, repeats: int) -> float:
    step()  # warm
    least = math.inf
    for _ in range(repeats):
        start = time.process_time()
        step()
        least = min(least, time.process_time() - start)
    return least
