"""A training step with one thread and with one for each core, the other cores idle or busy."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import torch
import torch.nn.functional as F

from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.models.build import build_model
from tuneformer.training.settings import available_cores

VOCABULARY = 256
SIZES = {
    "smoke": ["experiment=smoke"],
    "width 64": ["model.size=tiny", "data.context_length=64", "data.batch_size=16"],
    "width 128 (default)": [],
    "width 384 (nanoGPT's small)": ["model.size=small", "data.context_length=256", "data.batch_size=8"],
    "width 768 (GPT-2's, 2 layers)": [
        *("model.size=gpt2", "model.n_layers=2", "data.context_length=256", "data.batch_size=4"),
    ],
}
BUSY = "while True: pass"


@dataclass(frozen=True, kw_only=True)
class ThreadsCost:
    """Seconds of a step with one thread and with one a core, turn by turn, in the same process."""

    one: Sequence[float]
    all_cores: Sequence[float]

    @property
    def gain(self) -> float:
        """How many times as fast all cores are: the median over turns."""
        return median(one / many for one, many in zip(self.one, self.all_cores, strict=True))


def measure_threads(size: str, *, turns: int, busy: bool) -> ThreadsCost:
    """The median step of each of `turns` turns; `busy`: another process computes on all cores but one."""
    step = _steps(SIZES[size])
    threads, cores = torch.get_num_threads(), available_cores()
    found: dict[int, list[float]] = {1: [], cores: []}
    try:
        with _others_busy(cores - 1 if busy else 0):
            for _ in range(turns):
                for number, seconds in found.items():
                    torch.set_num_threads(number)
                    seconds.append(_median_step(step))
    finally:
        torch.set_num_threads(threads)
    return ThreadsCost(one=found[1], all_cores=found[cores])


def _median_step(step: Iterator[None]) -> float:
    """Of at least five steps and at least a fifth of a second, after one that is not counted."""
    next(step)
    seconds: list[float] = []
    while len(seconds) < 5 or sum(seconds) < 0.2:
        started = time.perf_counter()
        next(step)
        seconds.append(time.perf_counter() - started)
    return median(seconds)


def _steps(overrides: Sequence[str]) -> Iterator[None]:
    """Forward, backward and AdamW on drawn tokens, without end."""
    config = check_config(*compose_config(list(overrides)))
    rows, length = config["data"]["batch_size"], config["data"]["context_length"]
    needs = {"vocab_size": VOCABULARY, "context_length": length}
    model = build_model(config["model"], config["attention"], needs=needs).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    generator = torch.Generator().manual_seed(0)
    while True:
        tokens = torch.randint(VOCABULARY, (rows, length + 1), generator=generator)
        logits = model(tokens[:, :-1])
        F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten()).backward()
        optimizer.step()
        optimizer.zero_grad()
        yield


@contextmanager
def _others_busy(number: int) -> Iterator[None]:
    others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(number)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()
