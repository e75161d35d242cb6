"""What a training needs at least, held to what it takes; and what no device holds is refused at once."""

from contextlib import ExitStack
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor

from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.config.options import list_options
from tuneformer.config.plain import Config
from tuneformer.config.registry import SHIPPED
from tuneformer.errors import UserError
from tuneformer.models.build import plan_model
from tuneformer.optim.state import state_tensors
from tuneformer.training import memory_needed
from tuneformer.training.dry_run import dry_run
from tuneformer.training.memory_needed import MemoryNeeded, check_memory
from tuneformer.training.start import prepare_data

CONFIGURATIONS = {
    "decoder": ["data=markov", "model.size=nano", "data.context_length=32"],
    "wide": [
        "data=copy",
        "model.d_model=96",
        "model.n_heads=4",
        "model.n_layers=3",
        "attention=differential",
    ],
    "vit": ["data=digits", "model=vit", "model.size=nano", "model.positions=learned"],
}
"""A small one, a wider one and one of another family, each with data of its own."""


def configured(*overrides: str) -> Config:
    return check_config(*compose_config([*overrides, "logger=none", "callbacks=none", "trainer.threads=1"]))


def needed(config: Config) -> MemoryNeeded:
    data, prepared = prepare_data(config)
    n_tokens = prepared.mean_tokens or config["data"].get("context_length") or 0
    plan = plan_model(config["model"], config["attention"], needs=prepared.needs)
    numbers = plan.numbers(n_tokens=n_tokens)
    return memory_needed.memory_needed(config, numbers, data=data, n_tokens=n_tokens)


def size(tensors: Any) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


class Taken(pl.Callback):
    """What a training takes: weights, gradients and state after a step; what the backward pass keeps."""

    def __init__(self) -> None:
        self.kept: dict[int, int] = {}
        self.hooks = ExitStack()

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        weights = {weight.untyped_storage().data_ptr() for weight in pl_module.parameters()}
        self.kept = {each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in batch}

        def pack(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in weights:
                self.kept[storage.data_ptr()] = storage.nbytes()
            return tensor

        self.gradients_then = size(w.grad for w in pl_module.parameters() if w.grad is not None)
        self.hooks.enter_context(torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor))

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Tensor) -> None:
        self.hooks.close()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        model = pl_module.model
        self.batch = sum(self.kept.values())
        self.weights = size([*model.parameters(), *model.buffers()])
        self.buffers = size(model.buffers())
        self.gradients = size(weight.grad for weight in model.parameters())
        state = [each for optimizer in trainer.optimizers for each in state_tensors(optimizer)]
        self.state = size(tensor for tensor in state if tensor.numel() > 1)
        self.counters = size(tensor for tensor in state if tensor.numel() == 1)
        self.not_hidden = size(
            weight
            for group in trainer.optimizers[0].param_groups
            for weight in group["params"]
            if not group["hidden_matrices"]
        )


def taken(config: Config) -> Taken:
    data, prepared = prepare_data(config)
    watch = Taken()
    two_steps = config | {"trainer": config["trainer"] | {"max_steps": 2}}
    dry_run(two_steps, data=data, prepared=prepared, watch=watch)
    return watch


@pytest.mark.parametrize("optimizer", ["adamw", "lion", "sgd", "ademamix"])
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_weights_gradients_and_state_are_exactly_what_a_training_takes(name: str, optimizer: str) -> None:
    config = configured(*CONFIGURATIONS[name], f"optimizer={optimizer}")
    estimate, true = needed(config), taken(config)
    assert estimate.weights == true.weights
    assert estimate.gradients == true.gradients
    assert estimate.optimizer_state == true.state
    assert true.counters < 5000  # the steps that each parameter has taken


@pytest.mark.parametrize("precision", ["64-true", "bf16-true", "bf16-mixed"])
def test_they_are_as_wide_as_the_precision_says(precision: str) -> None:
    config = configured(*CONFIGURATIONS["decoder"], f"trainer.precision={precision}")
    estimate, true = needed(config), taken(config)
    # the tables of rotations stay in float32
    tables_too = true.buffers // 2 if precision == "bf16-true" else 0
    assert estimate.weights == true.weights - tables_too
    assert estimate.gradients == true.gradients
    assert estimate.optimizer_state == true.state
    assert 0.01 * true.batch < estimate.batch <= true.batch


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_muon_keeps_one_number_more_of_what_is_no_hidden_matrix(name: str, muon_in_float32: None) -> None:
    config = configured(*CONFIGURATIONS[name], "optimizer=muon")
    estimate, true = needed(config), taken(config)
    assert estimate.optimizer_state == true.gradients
    assert true.state == estimate.optimizer_state + true.not_hidden


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_adafactor_keeps_so_little_that_it_is_not_counted(name: str) -> None:
    config = configured(*CONFIGURATIONS[name], "optimizer=adafactor")
    estimate, true = needed(config), taken(config)
    assert estimate.optimizer_state == 0
    assert true.state < 0.1 * true.weights


@pytest.mark.parametrize("option", [name for name in list_options("optimizer", [SHIPPED]) if name != "any"])
def test_no_optimizer_keeps_less_than_it_says(option: str, muon_in_float32: None) -> None:
    config = configured(*CONFIGURATIONS["decoder"], f"optimizer={option}")
    estimate, true = needed(config), taken(config)
    assert estimate.optimizer_state <= true.state


@pytest.mark.parametrize(
    "overrides",
    [
        *CONFIGURATIONS.values(),
        ["data=language_id", "model=encoder", "model.size=nano"],
        ["data=language_id", "model=lstm", "model.size=nano"],
        ["data=regression", "model=vector_decoder", "model.size=nano"],
        [*CONFIGURATIONS["decoder"], "model.block=parallel", "trainer.accumulate_grad_batches=4"],
        [*CONFIGURATIONS["decoder"], "attention=gated_linear", "model.block=post_norm"],
    ],
)
def test_a_batch_takes_no_less_than_is_counted(overrides: list[str]) -> None:
    config = configured(*overrides)
    estimate, true = needed(config), taken(config)
    assert 0.01 * true.batch < estimate.batch <= true.batch
    assert true.gradients_then == true.gradients  # those of the step before are there with the next batch


@pytest.mark.parametrize(
    ("group", "name", "value", "lower"),
    [
        (
            "data",
            "batch_size",
            10**8,
            "data.batch_size=100000000 or data.context_length=32, or raise trainer.accumulate_grad_batches=1",
        ),
        (
            "data",
            "context_length",
            10**8,
            "data.context_length=100000000 or data.batch_size=32, or raise trainer.accumulate_grad_batches=1",
        ),
        ("model", "d_model", 200_000, "model.d_model=200000 or model.n_layers=2"),
        ("model", "n_layers", 10**8, "model.n_layers=100000000 or model.d_model=32"),
    ],
)
def test_what_nothing_holds_is_refused_with_what_to_lower(
    group: str, name: str, value: int, lower: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuneformer.process.machine_memory.available_bytes", lambda: 2**34)
    config = configured(*CONFIGURATIONS["decoder"], "data.batch_size=32")
    data, prepared = prepare_data(config)
    check_memory(config, data=data, prepared=prepared)
    config[group][name] = value
    if group == "data":
        data = replace(data, **{name: value})  # pyright: ignore[reportArgumentType]
    with pytest.raises(UserError) as error:
        check_memory(config, data=data, prepared=prepared)
    assert "GiB and this machine has 16.0 GiB of memory left: lower " in str(error.value)
    assert str(error.value).endswith(lower)
    assert "\n" not in str(error.value)


def test_devices_share_the_memory_of_a_machine_and_shards_the_weights() -> None:
    one = needed(configured(*CONFIGURATIONS["decoder"]))
    on_two = [*CONFIGURATIONS["decoder"], "trainer.devices=2", "trainer.accelerator=cpu"]
    copied, shared = (needed(configured(*on_two, f"trainer.strategy={how}")) for how in ("ddp", "fsdp"))
    assert copied.whatever_the_batch == 2 * one.whatever_the_batch
    assert shared == one
    assert copied.batch == one.batch
    in_parts = needed(configured(*CONFIGURATIONS["decoder"], "trainer.accumulate_grad_batches=4"))
    assert in_parts.batch == one.batch / 4
    assert in_parts.whatever_the_batch == one.whatever_the_batch


def test_on_gpus_it_is_the_memory_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {0: 2 * 2**30, 1: 2**30}
    monkeypatch.setattr(memory_needed, "device_type", lambda accelerator: "cuda")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(sizes))
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=sizes[device])
    )
    config = configured(*CONFIGURATIONS["decoder"], "data.batch_size=65536", "trainer.devices=1")
    data, prepared = prepare_data(config)
    check_memory(config, data=data, prepared=prepared)
    trainer = config["trainer"] | {"devices": 2, "accumulate_grad_batches": 1}
    each = needed(config | {"trainer": trainer})
    assert each.batch == needed(config).batch / 2
    too_many = config | {"data": config["data"] | {"batch_size": 10**8}, "trainer": trainer}
    data, prepared = prepare_data(too_many)
    with pytest.raises(UserError, match=r"and the GPU has 1\.0 GiB of memory: lower data\.batch_size=10+ or"):
        check_memory(too_many, data=data, prepared=prepared)


def test_a_single_step_has_no_gradients_while_its_batch_is_read() -> None:
    parts = MemoryNeeded(weights=1.0, gradients=1.0, optimizer_state=2.0, batch=10.0)
    assert parts.at_once(steps=2) == 14
    assert parts.at_once(steps=1) == 11
