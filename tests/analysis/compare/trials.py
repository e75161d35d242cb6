"""Trials without files, of known truth."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tests.analysis.compare.planted import config_of
from tuneformer.analysis.compare.trial import LeftOut, Trial, Trials
from tuneformer.runs.identity import determining


def trial(
    optimizer: str = "adamw",
    *,
    lr: float = 0.01,
    seed: int = 0,
    steps: int = 100,
    val: float = 2.0,
    test: float | None = None,
    task: str = "text",
    scheduler: str = "cosine",
    changes: Mapping[str, Any] | None = None,
    named: bool = True,
    sampler: str = "grid",
    seconds: float = 10.0,
    curve: Sequence[float] | None = None,
    pruned: bool = False,
) -> Trial:
    """A run that ends at `val` and (if not given, 0.1 more) `test`; an infinite `val` diverged.

    `curve` are losses on validation at equal parts of the run, the last at its end.
    """
    config = config_of(
        optimizer=optimizer, lr=lr, seed=seed, steps=steps, scheduler=scheduler, changes=changes
    )
    diverged = math.isinf(val)
    final = {} if diverged else {"val/loss": val, "test/loss": val + 0.1 if test is None else test}
    curves = {}
    if curve is not None:
        step = np.linspace(0, steps, len(curve) + 1)[1:]
        curves = {"step": step, "tokens": 64 * step, "seconds": seconds * step / steps}
        curves |= {name: np.array(curve, dtype=float) for name in ("val/loss", "train/loss")}
        curves["lr"] = np.full(len(curve), lr)
    settings = determining(config)
    return Trial(
        source=f"{optimizer},{lr},{seed},{steps},{task},{scheduler},{sorted((changes or {}).items())}",
        settings=settings,
        options={"optimizer": optimizer, "scheduler": scheduler} if named else {},
        seed=seed,
        task=task,
        horizon=float(steps),
        diverged=diverged,
        metrics=final,
        sampler=sampler,
        numbers={"steps": steps, "train_seconds": seconds, "tokens_per_second": steps * 64 / seconds},
        curves=curves,
        pruned=pruned,
    )


def trials(each: Sequence[Trial], *, left_out: Sequence[LeftOut] = ()) -> Trials:
    """What reading such runs would give."""
    return Trials(
        trials=tuple(each),
        left_out=tuple(left_out),
        sources=("planted",),
        unit="steps",
        provenance={},
        commands=(),
    )
