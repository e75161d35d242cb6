"""What a recipe would cost on devices that are not here: on paper, from what is counted here."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.profiler import ProfilerActivity, profile

from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.models.size import flops_per_token, n_parameters
from tuneformer.training.assembly import build_task
from tuneformer.training.start import prepare_data

GRADIENT_BYTES = 4
KERNEL_SECONDS = 5e-6
"""From the start of one kernel to that of the next where each is too short to count."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """A kind of device, and how well it is used.

    Attributes:
        peak: operations a second at most.
        utilisation: the share of it that training reaches where its products are large.
        bandwidth: bytes a second that each device sends while all do.
    """

    peak: float
    utilisation: float
    bandwidth: float


H100 = Device(peak=989e12, utilisation=0.4, bandwidth=50e9)
"""Dense bfloat16 (data sheet); used as large trainings use theirs (2204.02311: 0.46); 400 Gbit/s each."""


@dataclass(frozen=True, kw_only=True)
class StepCount:
    """What one training step of a recipe consists of.

    Attributes:
        flops: operations of forward and backward pass.
        n_kernels: operators that torch runs, optimizer included; on a device each starts a kernel at least.
        n_sequences: of a batch, so the most devices that it can be dealt to.
    """

    flops: float
    parameters: int
    n_kernels: int
    n_sequences: int


def count_step(overrides: Sequence[str]) -> StepCount:
    """Operations and parameters as a run of the recipe records them; operators of a step of one sequence."""
    config = check_config(*compose_config([*overrides, "logger=none", "callbacks=none"]))
    tokens, n_sequences = config["data"]["context_length"], config["data"]["batch_size"]
    with torch.device("meta"):
        whole = build_task(config, prepare_data(config)[1]).model
    one = check_config(*compose_config([*overrides, "data.batch_size=1", "data.context_length=32"]))
    data, prepared = prepare_data(one)
    task = build_task(one, prepared)
    optimizer = task.build_optimizer()
    batches = data.batches(prepared, seed=0)
    batch = next(iter(batches.training_batches(accumulate=1, rank=0, world_size=1, start=0)))
    n_kernels = 0
    for _ in range(2):  # the first step also makes the optimizer's state
        with profile(activities=[ProfilerActivity.CPU]) as recorded:
            task.loss(batch).backward()
            optimizer.step()
            optimizer.zero_grad()
        events = recorded.events() or []
        n_kernels = sum(event.name.startswith("aten::") and not event.cpu_children for event in events)
    return StepCount(
        flops=flops_per_token(whole, context_length=tokens) * tokens * n_sequences,
        parameters=n_parameters(whole),
        n_kernels=n_kernels,
        n_sequences=n_sequences,
    )


def step_seconds(step: StepCount, *, n_devices: int, device: Device) -> float:
    """Seconds of a step whose batch is dealt to `n_devices`.

    max(flops / (n peak utilisation), kernels x 5 us) + 2 (n - 1) / n x 4 parameters / bandwidth: arithmetic,
    or the start of its kernels where that takes longer (every device starts all of them), then a ring
    all-reduce of the gradients (Patarasuk and Yuan 2009, "Bandwidth optimal all-reduce algorithms for
    clusters of workstations"), of which nothing is taken to hide behind the backward pass.
    """
    arithmetic = step.flops / (n_devices * device.peak * device.utilisation)
    average = 2 * (n_devices - 1) / n_devices * GRADIENT_BYTES * step.parameters / device.bandwidth
    return max(arithmetic, step.n_kernels * KERNEL_SECONDS) + average
