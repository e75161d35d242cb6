"""Run directories with one fault each, from closed forms; all else in them is healthy."""

import csv
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.analysis.compare.planted import config_of

STEPS, EVERY, VALIDATE = 400, 10, 40
Column = Callable[[float], float]
"""Share of the run, above 0 and at most 1 -> value of the row there."""

Columns = Mapping[str, Column]


def healthy_loss(share: float) -> float:
    """5 nats at first, 2.1 at the end, of which 1 % in the last quarter."""
    return 2.1 + 2.9 * math.exp(-12 * share)


def rate(share: float) -> float:
    """A cosine from 0.002 to a tenth of it, without warmup."""
    return 0.002 * (0.1 + 0.9 * (1 + math.cos(math.pi * share)) / 2)


HEALTHY: dict[str, Column] = {
    "train/loss": healthy_loss,
    "lr/matrices": rate,
    "weight_decay/matrices": lambda _: 0.1,
    "grad_norm": lambda share: 0.8 + 0.1 * math.sin(40 * share),
    "update_ratio/matrices": lambda share: 0.02 * (1.1 - share),
    "weight_norm/matrices": lambda share: 5.0 + 5.0 * share,
    **{f"grad_norm/decoder.{layer}": lambda _, n=layer: 0.3 + 0.02 * n for layer in range(12)},
    **{f"residual/decoder.{layer}/rank_collapse": lambda _: 0.9 for layer in range(2)},
    "embedding/untrained": lambda share: 0.3 * (1 - share) ** 4,
    **{f"units/decoder.{layer}/dead": lambda _: 0.05 for layer in range(2)},
    **{f"attention/decoder.{layer}.{head}/{measure}": value
       for layer in range(2) for head in range(2)
       for measure, value in {
           "entropy": lambda share: 1.0 - 0.4 * share,
           "largest_logit": lambda share: 2.0 + 6.0 * share,
           "sink_rate": lambda _: 0.21,
           "importance": lambda share: 0.05 * share + 0.001,
       }.items()},
}  # fmt: skip


def plant(
    folder: Path,
    *,
    columns: Columns | None = None,
    val: Column | None = healthy_loss,
    changes: Mapping[str, Any] | None = None,
    record: Mapping[str, Any] | None = None,
    without: str | None = None,
) -> Path:
    """Writes a run; `columns` replace healthy ones; those that begin with `without` are left out."""
    folder.mkdir(parents=True)
    base = {
        "trainer.gradient_clip_val": 1.0,
        "trainer.log_every_n_steps": EVERY,
        "trainer.val_check_interval": VALIDATE,
        "model.dropout": 0.0,
        "model.n_layers": 12,
        "model.n_heads": 2,
        "model.block": "post_norm",
        "model.feed_forward": "gelu",
        "data.vocab_size": 256,
        "attention.qk_norm": False,
        "optimizer.betas": [0.9, 0.95],
        "scheduler.floor": 0.1,
        "scheduler.warmup": 0.1,
        "param_groups.weight_decay_kind": "own",
    }
    config = config_of(lr=0.002, steps=STEPS, changes={**base, **(changes or {})})
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    written = {
        "status": "finished",
        "config_hash": "0",
        "data": {"task": "language_modelling"},
        "metrics": {"final": {}, "best": {}},
        "restarts": 0,
        "steps": STEPS,
        "started": "2026-01-01T00:00:00+00:00",
        "wall_seconds": 10.0,
        "epochs": 0.5,
        "error": None,
        **(record or {}),
    }
    (folder / "record.json").write_text(json.dumps(written), encoding="utf-8")
    values = {**HEALTHY, **(columns or {})}
    kept = {name: of for name, of in values.items() if without is None or not name.startswith(without)}
    with (folder / "metrics.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["step", *kept, "val/loss"])
        for step in range(EVERY, STEPS + 1, EVERY):
            share = step / STEPS
            valued = val is not None and step % VALIDATE == 0
            writer.writerow(
                [step, *(repr(of(share)) for of in kept.values()), repr(val(share)) if valued and val else ""]
            )
    return folder
