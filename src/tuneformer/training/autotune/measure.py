"""Times the first steps of a run in several ways."""

import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import Any, cast

import pytorch_lightning as pl
import torch

from tuneformer.config.plain import Config
from tuneformer.data.contract import Data, PreparedData
from tuneformer.tasks.base import Task
from tuneformer.training.autotune.candidate import AUTO, Candidate, uncompiled
from tuneformer.training.autotune.measured import COMPILES_FROM_SECONDS, Measured, choose
from tuneformer.training.callbacks.run_metrics import step_is_complete
from tuneformer.training.dry_run import dry_run

ROUNDS = 2
WARM_UP = 2
TIMED_STEPS = (2, 8)
"""In a round at least and at most; between them a candidate is timed for SECONDS."""
SECONDS = 1.0
HOPELESS = 3.0
"""A step that takes so many times the default's ends its candidate at once."""
ROUNDING = {"32-true": 1e-4, "bf16-mixed": 2.0**-8}
"""Largest relative deviation of a training loss: bfloat16 keeps 8 bits; float32 24, less what sums lose."""
PRODUCT = 256
SLOW_PRODUCT = 2.0


class Measurer:
    """Measures candidates on one configuration; the first is the default that the others are held to."""

    def __init__(self, config: Config, *, data: Data[Any], prepared: PreparedData, cores: int) -> None:
        self._config, self._data, self._prepared = config, data, prepared
        self._trainer = config["trainer"]
        self._cores = cores

    def uncompiled(self, *, device: str) -> list[Measured]:
        """Every precision and number of threads, none compiled unless that is set."""
        candidates = uncompiled(self._trainer, cores=self._cores, device=device)
        slow = bfloat16_is_slow() if device == "cpu" else None
        hopeless = [
            _refused(candidate, slow)
            for candidate in candidates[1:]
            if slow and candidate.precision == "bf16-mixed"
        ]
        left_out = [each.candidate for each in hopeless]
        return self.measure([each for each in candidates if each not in left_out]) + hopeless

    def compiled(self, measured: list[Measured], *, steps: int) -> list[Measured]:
        """The best of those measured once more, compiled, where a run of `steps` could win that back."""
        best = choose(measured, steps=steps)
        if self._trainer["compile"] != AUTO or best.seconds(steps) < COMPILES_FROM_SECONDS:
            return []
        if any(each.candidate.compile for each in measured):
            return []
        return self.measure([measured[0].candidate, replace(best.candidate, compile=True)])[1:]

    def measure(self, candidates: list[Candidate]) -> list[Measured]:
        """All of them in turn, and all again: what slows the machine for a while slows each of them."""
        timed = {candidate: _Timed() for candidate in candidates}
        default = timed[candidates[0]]
        for _ in range(ROUNDS):
            for candidate, found in timed.items():
                if found.refused is None:
                    self._train(candidate, found, default)
        return [found.measured(candidate) for candidate, found in timed.items()]

    def _train(self, candidate: Candidate, found: "_Timed", default: "_Timed") -> None:
        limit = HOPELESS * median(default.seconds) if found is not default else None
        watch = _StepTimes(limit=limit)
        try:
            dry_run(candidate.applied(self._config), data=self._data, prepared=self._prepared, watch=watch)
        except Exception as error:
            if found is default:
                raise
            found.refused = (str(error).strip() or type(error).__name__).splitlines()[0]
            return
        found.add(watch)
        found.hold_to(default, ROUNDING.get(candidate.precision))
        if limit is not None and median(found.seconds) > limit:
            found.refused = f"a step takes more than {HOPELESS:.0f} times the default's"


class _Timed:
    """What was seen of a candidate so far."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.losses: list[float] = []
        self.first_step_s = 0.0
        self.deviation: float | None = None
        self.refused: str | None = None

    def add(self, watch: "_StepTimes") -> None:
        if not self.seconds:
            self.first_step_s, self.losses = watch.seconds[0], watch.losses
        self.seconds += watch.seconds[WARM_UP:] or watch.seconds[-1:]

    def hold_to(self, default: "_Timed", rounding: float | None) -> None:
        pairs = zip(self.losses, default.losses, strict=False)
        self.deviation = max(abs(ours - theirs) / abs(theirs) for ours, theirs in pairs)
        if self is not default and rounding is not None and not self.deviation <= rounding:
            self.refused = f"its loss differs by {self.deviation:.1e}, more than rounding ({rounding:.1e})"

    def measured(self, candidate: Candidate) -> Measured:
        return Measured(
            candidate=candidate,
            milliseconds=1e3 * _lower_quartile(self.seconds) if self.seconds else None,
            first_step_s=self.first_step_s,
            deviation=self.deviation,
            refused=self.refused,
        )


class _StepTimes(pl.Callback):
    """The seconds and the loss of each step, until there are enough of them."""

    def __init__(self, *, limit: float | None) -> None:
        self.seconds: list[float] = []
        self.losses: list[float] = []
        self._limit = limit
        self._before = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._before = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if not step_is_complete(trainer, batch_idx):
            return
        mean = cast(Task, pl_module).running_loss
        self.losses.append(float(cast(torch.Tensor, mean.mean())))  # waits for the device
        mean.reset()
        now = time.perf_counter()
        self.seconds.append(now - self._before)
        self._before = now
        trainer.should_stop = trainer.should_stop or self._is_enough()

    def _is_enough(self) -> bool:
        timed = self.seconds[WARM_UP:]
        least, most = TIMED_STEPS
        if timed and self._limit is not None and timed[-1] > self._limit:
            return True
        return len(timed) >= most or (len(timed) >= least and sum(timed) >= SECONDS)


def _lower_quartile(seconds: list[float]) -> float:
    # what else runs on the machine only ever adds
    return sorted(seconds)[len(seconds) // 4]


def bfloat16_is_slow(seconds: Callable[[torch.dtype], float] | None = None) -> str | None:
    """Why bfloat16 need not be tried on this CPU: a processor without it takes many times as long."""
    seconds = seconds or _seconds_of_product
    ratio = seconds(torch.bfloat16) / seconds(torch.float32)
    if ratio < SLOW_PRODUCT:
        return None
    return f"a product of bfloat16 matrices takes {ratio:.0f} times as long here as one of float32"


def _seconds_of_product(dtype: torch.dtype) -> float:
    left = torch.ones(PRODUCT, PRODUCT, dtype=dtype)
    taken = []
    for _ in range(4):
        started = time.perf_counter()
        torch.mm(left, left)
        taken.append(time.perf_counter() - started)
    return min(taken)


def _refused(candidate: Candidate, reason: str) -> Measured:
    return Measured(candidate=candidate, milliseconds=None, first_step_s=0.0, deviation=None, refused=reason)
