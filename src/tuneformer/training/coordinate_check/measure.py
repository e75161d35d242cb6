"""How far activations move in the first steps, against the width of the model."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tuneformer.config.plain import Config
from tuneformer.data.contract import Data, PreparedData
from tuneformer.data.text.token_batches import TokenBatch
from tuneformer.process.random_state import kept_random_state, set_random_state
from tuneformer.training.assembly import build_task

Changes = dict[str, dict[int, float]]
"""Activation -> width -> root mean square of its change."""

WATCHED = ("attention", "feed_forward")


def measure_changes(
    config_of: Callable[[int, int], Config],
    *,
    data: Data[Any],
    prepared: PreparedData,
    steps: int,
    widths: Sequence[int],
    seeds: Sequence[int],
    told: Callable[[], None],
) -> Changes:
    """RMS change of each activation from its value at initialisation, after `steps` optimizer steps.

    `config_of(width, seed)` is a checked configuration; its optimizer trains at its full rate. The
    activations of the first batch are watched: the output of every attention and feed-forward module, of
    every block, and the logits. The mean over seeds. `told` is called after each model.
    """
    squares: dict[str, dict[int, list[float]]] = {}
    for width in widths:
        for seed in seeds:
            with kept_random_state():
                changes = _changes(config_of(width, seed), data, prepared, steps)
            for name, change in changes.items():
                squares.setdefault(name, {}).setdefault(width, []).append(change)
            told()
    return {
        name: {width: float(np.mean(values)) for width, values in by_width.items()}
        for name, by_width in squares.items()
    }


def slope(changes: Mapping[int, float]) -> float:
    """Least-squares slope of log2(change) against log2(width): 0 where the width does not matter."""
    widths, values = np.log2(list(changes)), np.log2(list(changes.values()))
    return float(np.polyfit(widths, values, 1)[0])


def _changes(config: Config, data: Data[Any], prepared: PreparedData, steps: int) -> dict[str, float]:
    task = build_task(config, prepared)
    optimizer = task.build_optimizer()
    source = data.batches(prepared, seed=config["seed"])
    training = source.training_batches(accumulate=1, rank=0, world_size=1, start=0)
    batches = list(itertools.islice(training, steps))
    before = _activations(task.model, batches[0])
    getattr(optimizer, "train", lambda: None)()
    for number, batch in enumerate(batches):
        set_random_state(config["seed"], number)

        def closure(batch: TokenBatch = batch) -> float:
            optimizer.zero_grad()
            loss = task.loss(batch)
            loss.backward()
            return float(loss.detach())

        optimizer.step(closure)
    after = _activations(task.model, batches[0])
    return {name: (after[name] - before[name]).square().mean().sqrt().item() for name in before}


@torch.no_grad()
def _activations(model: nn.Module, batch: TokenBatch) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    with _watching(model, found):
        found["logits"] = model(batch.inputs).float()
    return found


@contextmanager
def _watching(model: nn.Module, found: dict[str, Tensor]) -> Iterator[None]:
    def keep(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            found[name] = output.detach().float()

        return hook

    blocks = set(getattr(model, "blocks", []))
    handles = [
        module.register_forward_hook(keep(name))
        for name, module in model.named_modules()
        if module in blocks or name.rpartition(".")[2] in WATCHED
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
