"""The study of translators: a Transformer and the LSTMs before it, each for the same time."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tuneformer.errors import UserError
from tuneformer.runs.directory import OUTPUTS
from tuneformer.runs.files import write_json
from tuneformer.runs.record import Record
from tuneformer.studies.running import Call, Outcome, run_one
from tuneformer.terminal import say

EXPERIMENT = "translation"
TIMED_STEPS = 60
"""Steps of the short run that tells how long a step of a model takes."""
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


@dataclass(frozen=True)
class Trained:
    """One translator: its option, its record and its run directory."""

    option: str
    record: Record
    folder: Path


class TranslatorStudy:
    """Each model of MODELS trained for `seconds` of training, one after the other, on all cores.

    A short run tells how long a step takes, and so how many steps the schedule has; that number is kept,
    so that the same call goes on where it was stopped. The runs lie in outputs/sweeps/<name>.
    """

    def __init__(self, *, name: str, seconds: float, overrides: Sequence[str]) -> None:
        self.folder = OUTPUTS / "sweeps" / name
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
                call = self._call(option, TIMED_STEPS, "timed", f"trainer.val_check_interval={TIMED_STEPS}")
                steps = self._plan(option, run_one(call, folder=self.folder))
            say(f"{option}: {steps:,} steps in about {self.seconds:.0f} s")
            call = self._call(option, steps, "trained", f"trainer.val_check_interval={max(steps // 4, 1)}")
            record = _record_of(option, run_one(call, folder=self.folder))
            trained.append(Trained(option, record, Path(call[1])))
        return trained

    def _call(self, option: str, steps: int, kind: str, *extra: str) -> Call:
        overrides = [f"experiment={EXPERIMENT}", f"model={option}", f"trainer.max_steps={steps}"]
        overrides.append(f"optimizer.lr={MODELS[option].rate}")
        return [*overrides, *extra, *self.overrides], str(self.folder / f"{kind},{option}")

    def _planned(self, option: str) -> int | None:
        file = self.folder / PLAN
        return json.loads(file.read_text()).get(option) if file.exists() else None

    def _plan(self, option: str, outcome: Outcome) -> int:
        record = _record_of(option, outcome)
        steps = steps_in(self.seconds, timed_steps=record["steps"], timed_seconds=record["train_seconds"])
        file = self.folder / PLAN
        known = json.loads(file.read_text()) if file.exists() else {}
        write_json(file, known | {option: steps})
        return steps


def steps_in(seconds: float, *, timed_steps: int, timed_seconds: float) -> int:
    """How many steps fit into `seconds`, by what so many have taken; one at least."""
    return max(1, int(seconds * timed_steps / timed_seconds))


def _record_of(option: str, outcome: Outcome) -> Record:
    if outcome.record is None:
        raise UserError(f"model={option} failed: {outcome.error}")
    if outcome.record["status"] != "finished":
        raise UserError(f"model={option} {outcome.record['status']}: {outcome.record['error']}")
    return outcome.record
