"""The ladder from the small recipe that everybody starts from to the fastest one: one change a rung."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tuneformer.errors import UserError
from tuneformer.process.terminal import say
from tuneformer.runs.files import write_json
from tuneformer.runs.record import read_record
from tuneformer.sweeps.folders import sweep_folder

TRAIN = Path(__file__).parents[1] / "train.py"
WALL = "wall.json"
UNWATCHED = ("logger=none", "callbacks=none")
"""Nothing is drawn or measured beside training, on any rung."""


@dataclass(frozen=True, kw_only=True)
class Rung:
    """A change to the recipe of the rung before it, and the steps that the changed recipe trains for.

    Attributes:
        change: what is changed, in a few words.
        overrides: the same as train.py takes it, on top of all rungs before.
        steps: chosen on data=shakespeare, before the other text was trained on.
    """

    change: str
    overrides: tuple[str, ...]
    steps: int


@dataclass(frozen=True, kw_only=True)
class Climb:
    """One run of a rung: the loss of the whole validation split, parameters, and seconds.

    Attributes:
        train_seconds: of training, validation left out.
        wall_seconds: of the process, from its start to its end.
    """

    loss: float
    parameters: int
    train_seconds: float
    wall_seconds: float


@dataclass(frozen=True, kw_only=True)
class LadderText:
    """A text to climb on: the overrides that choose it, and whether on the first and last rung alone."""

    overrides: tuple[str, ...]
    ends_only: bool = False


Found = dict[str, dict[int, list[Climb]]]
"""The runs by seed, of each text and of each rung by its place on the ladder."""


class Ladder:
    """The rungs on every text over `n_seeds` seeds, each run a process of its own on all cores.

    The runs of a seed come one after the other, from the first rung to the last, before those of the next
    seed: what changes on the machine in the meantime falls on all rungs alike. They lie in
    outputs/sweeps/<name>/<text>; what is there is not run again.
    """

    def __init__(
        self, *, name: str, rungs: Sequence[Rung], texts: Mapping[str, LadderText], n_seeds: int
    ) -> None:
        """`texts`: by what a text is called."""
        self.folder = sweep_folder(name)
        self.rungs = rungs
        self.texts = texts
        self.n_seeds = n_seeds

    def run(self, overrides: Sequence[str]) -> Found:
        """Runs what is not there yet.

        Raises:
            UserError: a run failed or diverged; what is there stays.
        """
        found: Found = {text: {index: [] for index in self._places(text)} for text in self.texts}
        total = self.n_seeds * sum(len(places) for places in found.values())
        done = 0
        for seed in range(self.n_seeds):
            for text, places in found.items():
                for index, runs in places.items():
                    climb = self._climb(text, index, seed, overrides)
                    runs.append(climb)
                    done += 1
                    say(
                        f"{done} of {total}: {text}, seed {seed}, {self.rungs[index].change}:"
                        f" {climb.loss:.4f} after {climb.train_seconds:.1f} s"
                    )
        return found

    def recipe(self, index: int) -> list[str]:
        """The overrides of a rung, with those of the rungs below it."""
        changes = [override for rung in self.rungs[: index + 1] for override in rung.overrides]
        steps = self.rungs[index].steps
        return ["experiment=nanogpt_cpu", *changes, f"trainer.max_steps={steps}"]

    def _places(self, text: str) -> list[int]:
        last = len(self.rungs) - 1
        return [0, last] if self.texts[text].ends_only else list(range(last + 1))

    def _climb(self, text: str, index: int, seed: int, overrides: Sequence[str]) -> Climb:
        run = self.folder / text / f"rung{index}-seed{seed}"
        if not (run / WALL).exists():
            shutil.rmtree(run, ignore_errors=True)  # its time is not known, so it does not count
            settings = [
                *self.recipe(index),
                *UNWATCHED,
                *self.texts[text].overrides,
                f"seed={seed}",
                *overrides,
            ]
            wall = _seconds([*settings, f"run_dir={run}"])
            write_json(run / WALL, wall)
        record = read_record(run / "record.json")
        if record.status != "finished":
            raise UserError(f"{run} {record.status}: {record.error}")
        return Climb(
            loss=record.final["val/loss"],
            parameters=record.model["parameters"],
            train_seconds=record.train_seconds,
            wall_seconds=json.loads((run / WALL).read_text()),
        )


def _seconds(overrides: Sequence[str]) -> float:
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(TRAIN), *overrides], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise UserError(lines[-1] if lines else f"train.py ended with status {done.returncode}")
    return time.perf_counter() - started
