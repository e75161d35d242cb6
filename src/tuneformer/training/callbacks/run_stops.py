"""A stop before the horizon: who asked for it, at a whole step, and still there after a kill."""

from dataclasses import asdict, dataclass
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping, Timer

from tuneformer.training.callbacks.run_metrics import step_is_complete


@dataclass(frozen=True, kw_only=True)
class Stop:
    """Where a run stopped, which callback asked for it and why; `can_go_on`: only its time was over."""

    step: int
    horizon: int
    by: str
    reason: str
    can_go_on: bool


class RunStops(pl.Callback):
    """Notes what set `trainer.should_stop`, such as EarlyStopping or Timer.

    A wish to stop within an accumulated step waits for its end, so that the checkpoint is of a whole step.
    A stop for good is part of the checkpoint: a run that is killed before it has recorded it does not
    train on. A Timer counts the time of this attempt alone, so that a run that it stopped can go on.
    """

    def __init__(self) -> None:
        self.stop: Stop | None = None
        self._waiting = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.stop is not None:
            trainer.should_stop = True

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if not step_is_complete(trainer, batch_idx):
            self._waiting |= trainer.should_stop
            trainer.should_stop = False
            return
        trainer.should_stop |= self._waiting
        self.note(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn == "fit":
            self.note(trainer)

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        for timer in callbacks_of(trainer):
            if isinstance(timer, Timer):
                checkpoint.get("callbacks", {}).pop(timer.state_key, None)

    def state_dict(self) -> dict[str, Any]:
        for_good = self.stop is not None and not self.stop.can_go_on
        return {"stop": asdict(self.stop) if self.stop is not None and for_good else None}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.stop = Stop(**state_dict["stop"]) if state_dict["stop"] else None

    def note(self, trainer: pl.Trainer) -> None:
        """Notes who asked for a stop, if somebody has and nobody had before."""
        if self.stop is None and trainer.should_stop and trainer.global_step < trainer.max_steps:
            self.stop = _stop_of(trainer)


def _stop_of(trainer: pl.Trainer) -> Stop:
    place: dict[str, Any] = {"step": trainer.global_step, "horizon": trainer.max_steps}
    for callback in callbacks_of(trainer):
        name = type(callback).__name__
        if isinstance(callback, EarlyStopping) and callback.stopping_reason_message:
            reason = callback.stopping_reason_message.replace(" Signaling Trainer to stop.", "")
            return Stop(**place, by=name, reason=reason, can_go_on=False)
        left = callback.time_remaining() if isinstance(callback, Timer) else None
        if left is not None and left <= 0:
            return Stop(**place, by=name, reason="its time was over", can_go_on=True)
    return Stop(**place, by="a callback", reason="it set trainer.should_stop", can_go_on=True)


def callbacks_of(trainer: pl.Trainer) -> list[pl.Callback]:
    """The callbacks of the run that `trainer` trains."""
    return getattr(trainer, "callbacks")  # noqa: B009 - Lightning declares no type for it


def stop_of(trainer: pl.Trainer) -> Stop | None:
    """Where the run stopped before its horizon; None where it did not."""
    stops = next(each for each in callbacks_of(trainer) if isinstance(each, RunStops))
    stops.note(trainer)
    return stops.stop
