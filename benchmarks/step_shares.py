"""What a training step is spent on, and how near its arithmetic comes to the machine's best product."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.profilers import SimpleProfiler

from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.runs.record import RunRecord, read_record
from tuneformer.training import run
from tuneformer.training.settings import TrainerSettings
from tuneformer.training.start import train
from tuneformer.training.trainer import build_trainer

SIZES = {
    "width 32": ["model.d_model=32", "model.n_layers=2", "trainer.max_steps=300"],
    "width 128 (default)": ["trainer.max_steps=100"],
    "width 384": [
        "model.size=small",
        "data.context_length=256",
        "data.batch_size=8",
        "trainer.max_steps=12",
    ],
}
"""The default experiment at three widths; the last is nanoGPT's small model."""
NOT_MEASURED = ["trainer.val_check_interval=100000", "data.max_validation_bytes=2000"]
PARTS = ("data", "forward", "backward", "optimizer", "logging and callbacks", "rest")
DTYPES = {"32-true": torch.float32, "bf16-mixed": torch.bfloat16}


@dataclass(frozen=True, kw_only=True)
class StepShares:
    """Of one size: milliseconds of a step, the share of each of PARTS, and rates in operations a second.

    Attributes:
        rate: operations of the model (a multiplication and an addition are two), over the time of a step.
        product_rate: the same of the largest product of the model, alone, in the run's precision.
    """

    milliseconds: float
    shares: dict[str, float]
    rate: float
    product_rate: float


def measure_step_shares(size: str, *, overrides: Sequence[str]) -> StepShares:
    """Trains a size once under Lightning's profiler; what comes before the first step is left out."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        config = check_config(*compose_config([*NOT_MEASURED, *SIZES[size], *overrides, f"run_dir={run}"]))
        with profiled() as profilers:
            train(config)
        record = read_record(run / "record.json")
    durations = profilers[0].recorded_durations
    seconds = {name: float(sum(each)) for name, each in durations.items()}
    steps, tokens = record.steps, record.seen
    total = seconds["run_training_epoch"]  # without what is measured before the first step
    return StepShares(
        milliseconds=1e3 * total / steps,
        shares={part: spent / total for part, spent in _parts(seconds, total).items()},
        rate=record.model["flops_per_token"] * tokens / total,
        product_rate=_product_rate(config, record),
    )


@contextmanager
def profiled() -> Iterator[list[SimpleProfiler]]:
    """The profilers of the runs that are trained meanwhile, one each, in their order."""
    profilers = list[SimpleProfiler]()

    def build_profiled(settings: TrainerSettings, **given: Any) -> pl.Trainer:
        trainer = build_trainer(settings, **given)
        profilers.append(SimpleProfiler())
        vars(trainer)["profiler"] = profilers[-1]  # Lightning declares no type for it
        return trainer

    run.build_trainer = build_profiled  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield profilers
    finally:
        run.build_trainer = build_trainer


def _parts(seconds: dict[str, float], total: float) -> dict[str, float]:
    """Seconds of each of PARTS, from those of Lightning's actions, which hold one another."""

    def of(*ends: str) -> float:
        return sum(spent for name, spent in seconds.items() if name.endswith(ends))

    forward, backward = of("Strategy.training_step"), of("Strategy.backward")
    hooks = ("on_train_batch_start", "on_train_batch_end", "on_before_zero_grad", "on_after_backward")
    hooks += ("on_before_backward", "on_before_optimizer_step")
    callbacks = sum(
        spent for name, spent in seconds.items() if name.startswith("[Callback]") and name.endswith(hooks)
    )
    inside = sum(
        spent for name, spent in seconds.items() if name.startswith("[Callback]") and name.endswith(hooks[2:])
    )
    # the closure, with its forward and backward pass, runs within the optimizer's step
    optimizer = of(".optimizer_step") - forward - backward - inside
    parts = {
        "data": of("train_dataloader_next", ".batch_to_device"),
        "forward": forward,
        "backward": backward,
        "optimizer": optimizer,
        "logging and callbacks": callbacks,
    }
    return parts | {"rest": total - sum(parts.values())}


def _product_rate(config: dict[str, Any], record: RunRecord) -> float:
    """Operations a second of (tokens of a step x d_model) times (d_model x 4 d_model), the best of 12."""
    trainer, width = config["trainer"], config["model"]["d_model"]
    if record.fastest is not None:
        trainer = trainer | record.fastest["chosen"]
    before = torch.get_num_threads(), torch.get_float32_matmul_precision()
    if trainer["threads"] is not None:
        torch.set_num_threads(trainer["threads"])
    torch.set_float32_matmul_precision(trainer["float32_matmul_precision"])
    rows = config["data"]["batch_size"] * config["data"]["context_length"]
    dtype = DTYPES[trainer["precision"]]
    left, right = torch.randn(rows, width).to(dtype), torch.randn(width, 4 * width).to(dtype)
    taken = []
    for _ in range(12):
        started = time.perf_counter()
        torch.mm(left, right)
        taken.append(time.perf_counter() - started)
    torch.set_num_threads(before[0])
    torch.set_float32_matmul_precision(before[1])
    return 8 * rows * width * width / min(taken)
