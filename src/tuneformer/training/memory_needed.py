"""Whether the device that trains can hold a training, told before anything is built.

What is counted must be there at once in every step: the weights, their gradients, the optimizer's state, and
of the batch its inputs, the numbers between the layers that the backward pass needs, and the outputs. All
else (what attention and feed-forward layers keep, copies, the libraries) comes on top.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from tuneformer.config.plain import Config
from tuneformer.config.registry import TARGET, allowed_by_user
from tuneformer.data.contract import Data, PreparedData
from tuneformer.models.build import plan_model
from tuneformer.models.memory_needed import ModelNumbers
from tuneformer.optim.factory import optimizer_factory, param_groups
from tuneformer.optim.facts import state_numbers_of
from tuneformer.process.machine_memory import Room, in_gib, largest_two, room_here
from tuneformer.training.trainer import device_type

BYTES_OF_A_WEIGHT = {"64-true": 8, "bf16-true": 2}
"""By trainer.precision; 4 in every other. Gradients and the optimizer's state are as wide, or wider."""
BYTES_BETWEEN_LAYERS = {"64-true": 8, "32-true": 4}
"""2 in every other."""
BYTES_OF_AN_OUTPUT = {"64-true": 8}
"""4 in every other: losses are computed in float32 at least."""
BYTES_OF_AN_INPUT = 4


@dataclass(frozen=True, kw_only=True)
class MemoryNeeded:
    """Bytes that a training needs at least, of all its processes that share a memory."""

    weights: float
    gradients: float
    optimizer_state: float
    batch: float

    @property
    def whatever_the_batch(self) -> float:
        """What the model and its optimizer need."""
        return self.weights + self.gradients + self.optimizer_state

    def at_once(self, *, steps: int) -> float:
        """The most that is there at a time, in so many optimizer steps."""
        if steps > 1:  # gradients and state of the step before
            return self.whatever_the_batch + self.batch
        return max(self.whatever_the_batch, self.weights + self.batch)

    def __str__(self) -> str:
        parts = ", ".join(f"{name.replace('_', ' ')} {in_gib(n)}" for name, n in vars(self).items())
        return f"training ({parts} GiB) needs"


def check_memory(config: Config, *, data: Data[Any], prepared: PreparedData) -> None:
    """Raises UserError where the device that trains does not hold what a training needs."""
    plan = plan_model(config["model"], config["attention"], needs=prepared.needs)
    if plan.is_small and allowed_by_user(config["model"][TARGET]) is not None:
        return  # what it takes to count those of one's own is their affair
    n_tokens = prepared.mean_tokens or config["data"].get("context_length") or 0
    rules = param_groups(config["param_groups"]).fine_tuning
    numbers = plan.numbers(n_tokens=n_tokens, freeze=rules.freeze_in if rules.freezes else None)
    needed = memory_needed(config, numbers, data=data, n_tokens=n_tokens)
    lower = plan.to_lower
    if needed.batch > needed.whatever_the_batch:
        sizes = {"data.batch_size": data.batch_size}
        if "context_length" in config["data"]:
            sizes["data.context_length"] = config["data"]["context_length"]
        parts = config["trainer"]["accumulate_grad_batches"]
        lower = f"{largest_two(sizes)}, or raise trainer.accumulate_grad_batches={parts}"
    total = needed.at_once(steps=config["trainer"]["max_steps"])
    room_to_train(config["trainer"]).check_holds(str(needed), total, lower=lower)


def memory_needed(
    config: Config, numbers: ModelNumbers, *, data: Data[Any], n_tokens: int | float
) -> MemoryNeeded:
    """What one device needs; on a CPU, where the processes share the memory, what all of them do."""
    trainer = config["trainer"]
    devices = n_devices(trainer)
    processes = devices * trainer["num_nodes"]
    together = devices if device_type(trainer["accelerator"]) == "cpu" else 1
    width = BYTES_OF_A_WEIGHT.get(trainer["precision"], 4)
    copies = width * together / (processes if trainer["strategy"] == "fsdp" else 1)
    examples = data.batch_size * together / (processes * trainer["accumulate_grad_batches"])
    an_example = (
        BYTES_OF_AN_INPUT * n_tokens
        + BYTES_BETWEEN_LAYERS.get(trainer["precision"], 2) * numbers.stream
        + BYTES_OF_AN_OUTPUT.get(trainer["precision"], 4) * numbers.outputs
    )
    return MemoryNeeded(
        weights=copies * numbers.held,
        gradients=copies * numbers.trained,
        optimizer_state=copies * numbers.trained * state_numbers_of(optimizer_factory(config["optimizer"])),
        batch=examples * an_example,
    )


def n_devices(trainer: Mapping[str, Any]) -> int:
    """The processes of this machine, one a device."""
    if isinstance(trainer["devices"], int):
        return trainer["devices"]
    return torch.cuda.device_count() if device_type(trainer["accelerator"]) == "cuda" else 1


def room_to_train(trainer: Mapping[str, Any]) -> Room:
    """The memory of each device; on a CPU what this machine has left."""
    kind = device_type(trainer["accelerator"])
    if kind in ("cpu", "mps"):
        return room_here()
    if kind != "cuda":
        return Room(n_bytes=None, owner=kind)
    sizes = [
        torch.cuda.get_device_properties(device).total_memory
        for device in range(min(n_devices(trainer), torch.cuda.device_count()))
    ]
    return Room(n_bytes=min(sizes, default=None), owner="the GPU")
