"""The study of translators: a Transformer and the LSTMs before it, each for the same time."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from studies.running import RunResult, run_one
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.errors import UserError
from tuneformer.process.terminal import say
from tuneformer.runs.files import write_json
from tuneformer.runs.record import RunRecord
from tuneformer.sweeps.folders import sweep_folder
from tuneformer.sweeps.launchers.local import in_child, load_before_forking

EXPERIMENT = "translation"
WARM_UP, TIMED_STEPS = 30, 60
"""Steps that tell how long one of a model takes: the first, with new shapes of batches, are slower."""
PLAN = "steps.json"


@dataclass(frozen=True)
class Translator:
    """A model as it is called, and its rate: the best of 2e-3, 3e-3 and 8e-3 in BLEU on validation."""

    label: str
    rate: str


MODELS = {
    "encoder_decoder": Translator("Transformer (`encoder_decoder`)", "3e-3"),
    "lstm_attention": Translator("LSTM with attention (`lstm_attention`)", "8e-3"),
    "lstm": Translator("LSTM (`lstm`)", "8e-3"),
}
"""What the study compares: its own choice, with the rates that it found."""


@dataclass(frozen=True)
class Trained:
    """One translator: its option, its record and its run directory."""

    option: str
    record: RunRecord
    folder: Path


class TranslatorStudy:
    """Each model of MODELS trained for `seconds` of training, one after the other, on all cores.

    A few steps tell how long one takes, and so how many the schedule has; that number is kept,
    so that the same call goes on where it was stopped. The runs lie in outputs/sweeps/<name>.
    """

    def __init__(self, *, name: str, seconds: float, overrides: Sequence[str]) -> None:
        self.folder = sweep_folder(name)
        self.seconds = seconds
        self.overrides = list(overrides)

    def run(self) -> list[Trained]:
        """Trains everything that is not there yet.

        Raises:
            UserError: a run failed or diverged; what is there stays.
        """
        trained: list[Trained] = []
        for option in MODELS:
            steps = self._planned(option)
            if steps is None:
                steps = self._plan(option)
            say(f"{option}: {steps:,} steps in about {self.seconds:.0f} s")
            call = self._overrides(option, steps), str(self.folder / f"trained,{option}")
            record = _record_of(option, run_one(call, folder=self.folder))
            trained.append(Trained(option, record, Path(call[1])))
        return trained

    def _overrides(self, option: str, steps: int) -> list[str]:
        own = [f"experiment={EXPERIMENT}", f"model={option}", f"optimizer.lr={MODELS[option].rate}"]
        own += [f"trainer.max_steps={steps}", f"trainer.val_check_interval={steps}"]
        return [*own, *self.overrides]

    def _planned(self, option: str) -> int | None:
        file = self.folder / PLAN
        return json.loads(file.read_text()).get(option) if file.exists() else None

    def _plan(self, option: str) -> int:
        composed, hydra = compose_config(self._overrides(option, WARM_UP + TIMED_STEPS))
        load_before_forking(())
        taken = in_child(_seconds_per_step, check_config(composed, hydra))
        if isinstance(taken, UserError):
            raise taken
        steps = max(1, int(self.seconds / taken))
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / PLAN
        known = json.loads(file.read_text()) if file.exists() else {}
        write_json(file, known | {option: steps})
        return steps


def _seconds_per_step(config: dict[str, Any]) -> float | UserError:
    """The mean, since batches are of different lengths."""
    from tuneformer.sweeps.preflight.step_times import step_times
    from tuneformer.training.start import prepare_data

    try:
        data, prepared = prepare_data(config)
        return mean(step_times(config, data, prepared, warm_up=WARM_UP, steps=TIMED_STEPS))
    except UserError as error:
        return error


def _record_of(option: str, outcome: RunResult) -> RunRecord:
    if outcome.record is None:
        raise UserError(f"model={option} failed: {outcome.error}")
    if outcome.record.status != "finished":
        raise UserError(f"model={option} {outcome.record.status}: {outcome.record.error}")
    return outcome.record
