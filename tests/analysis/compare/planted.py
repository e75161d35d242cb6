"""Run directories whose truth is known beforehand."""

import csv
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

TARGETS = {
    "adamw": "torch.optim.AdamW",
    "lion": "pytorch_optimizer.Lion",
    "sgd": "torch.optim.SGD",
    "cosine": "tuneformer.optim.schedules.cosine",
    "warmup": "tuneformer.optim.schedules.warmup",
}
INITIAL = 5.5


def config_of(
    *,
    optimizer: str = "adamw",
    lr: float = 0.01,
    seed: int = 0,
    steps: int = 100,
    scheduler: str = "cosine",
    changes: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The configuration of a run, small; `changes` are dotted settings to replace."""
    config: dict[str, Any] = {
        "data": {"_target_": "tuneformer.data.corpora.text.Text", "context_length": 16, "batch_size": 4},
        "model": {"_target_": "tuneformer.models.decoder.Decoder", "d_model": 16, "norm": "rms_norm"},
        "attention": {"_target_": "tuneformer.models.attention.qkv.multi_head.MultiHeadAttention"},
        "optimizer": {"_target_": TARGETS.get(optimizer, optimizer), "lr": lr, "weight_decay": 0.1},
        "scheduler": {"_target_": TARGETS[scheduler], "warmup": 0.05},
        "trainer": {"max_steps": steps, "threads": 1},
        "callbacks": {},
        "logger": {},
        "search": {},
        "seed": seed,
        "name": f"{optimizer}-{scheduler}",
        "run_dir": "somewhere",
    }
    if optimizer == "sgd":
        config["optimizer"]["momentum"] = 0.9
    for key, value in (changes or {}).items():
        *path, last = key.split(".")
        node = config
        for part in path:
            node = node.setdefault(part, {})
        node[last] = value
    return config


def plant(
    folder: Path,
    *,
    val: float,
    test: float | None = None,
    status: str = "finished",
    config: Mapping[str, Any] | None = None,
    curve: Callable[[float], float] | None = None,
    seconds: float = 10.0,
    n_rows: int = 10,
    record: Mapping[str, Any] | None = None,
) -> Path:
    """Writes a run that ends at `val` and `test`; its curve over (0, 1] falls to `val` unless given."""
    config = config or config_of()
    steps = config["trainer"]["max_steps"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(dict(config)), encoding="utf-8")
    final = {"step": steps, "val/loss": val, "test/loss": val if test is None else test}
    written: dict[str, Any] = {
        "status": status,
        "seed": config["seed"],
        "metrics": {"final": {} if status == "diverged" else final, "best": {}},
        "steps": steps,
        "tokens": steps * 64,
        "wall_seconds": seconds,
        "train_seconds": seconds,
        "started": "2026-01-01T00:00:00+00:00",
        "restarts": 0,
        "error": None,
        "command": "train.py optimizer=adamw",
        "config_hash": "0",
        "git": {"commit": "abc", "dirty": False},
        "versions": {"torch": "2"},
        "hardware": {"device": "cpu", "threads": 1},
        "data": {"fingerprint": "text"},
        **(record or {}),
    }
    (folder / "record.json").write_text(json.dumps(written), encoding="utf-8")
    _write_metrics(folder / "metrics.csv", steps, curve or falling(val), seconds, n_rows)
    return folder


def falling(end: float) -> Callable[[float], float]:
    """A loss that falls from INITIAL to `end` in a straight line over the run."""
    return lambda share: INITIAL + (end - INITIAL) * share


def plant_grid(
    sweep: Path,
    loss: Callable[[str, float, int], float],
    *,
    optimizers: Sequence[str] = ("adamw", "lion"),
    rates: Sequence[float] = (0.001, 0.01, 0.1),
    seeds: Sequence[int] = (0, 1, 2),
    steps: int = 100,
) -> None:
    """Every combination; loss(optimizer, lr, seed) is the one on validation, and 0.1 more on test."""
    for optimizer in optimizers:
        for lr in rates:
            for seed in seeds:
                value = loss(optimizer, lr, seed)
                plant(
                    sweep / f"optimizer={optimizer},optimizer.lr={lr},seed={seed},steps={steps}",
                    val=value,
                    test=value + 0.1,
                    status="finished" if math.isfinite(value) else "diverged",
                    config=config_of(optimizer=optimizer, lr=lr, seed=seed, steps=steps),
                )


def bowl(optimizer: str, lr: float, seed: int) -> float:
    """Best at 0.01; lion 0.2 below adamw; seeds 0.01 apart."""
    return 2.0 + 0.3 * abs(math.log10(lr) + 2) - 0.2 * (optimizer == "lion") + 0.01 * seed


def _write_metrics(
    path: Path, steps: int, curve: Callable[[float], float], seconds: float, n_rows: int
) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["step", "tokens", "seconds", "train/loss", "val/loss", "grad_norm", "lr/a", "lr/b"])
        for row in range(1, n_rows + 1):
            step, share = steps * row // n_rows, row / n_rows
            loss = curve(share)
            val = "" if row % 2 else repr(loss)
            writer.writerow([step, step * 64, seconds * share, repr(loss), val, 1.0, 0.01, 0.02])
