"""One job of a sweep, and what became of it."""

from dataclasses import dataclass, field
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from tuneformer.config.plain import Config
from tuneformer.errors import UserError
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.record import RunRecord, has_ended, stop_told


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of a sweep: what the command line of it alone would be, and its checked configuration."""

    overrides: tuple[str, ...]
    folder: Path
    config: Config = field(repr=False)
    hydra: DictConfig = field(repr=False)

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.folder.name

    @property
    def point(self) -> tuple[str, ...]:
        """Its overrides as they were typed, without its place."""
        return tuple(o for o in self.overrides if not o.startswith(("sweep=", "run_dir=")))

    def tell_hydra(self) -> None:
        """Makes HydraConfig that of this job: from it the other ranks of a run are started."""
        hydra = OmegaConf.create({"hydra": self.hydra})
        with read_write(hydra.hydra), open_dict(hydra.hydra):
            hydra.hydra.overrides.task = list(self.overrides)
        HydraConfig.instance().set_config(hydra)


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How the attempt at a job ended: it raised an error, its process was lost, or (neither) as recorded."""

    job: Job
    error: str | None = None
    lost: str | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a job has come to: the status of its record, its optimized metric, and its error in one line."""

    status: str
    value: float | None
    error: str | None
    steps: int
    seconds: float
    ended: bool
    """Whether there is nothing left to train."""


def recorded_outcome(job: Job) -> Outcome | None:
    """What the job's folder says, without loading torch; None where no run has begun in it."""
    directory = RunDirectory(job.folder)
    if not directory.begun():
        return None
    try:
        return outcome_of(directory.read_record(), job.config["optimized_metric"])
    except UserError as error:  # started again, it makes its record again from its checkpoint
        return failure(str(error), status="interrupted")


def outcome_of(record: RunRecord, metric: str) -> Outcome:
    """What a record says of its run."""
    ended = has_ended(record)
    value = record.final.get(metric) if ended else None
    return Outcome(
        status=record.status,
        value=None if value is None or record.status == "diverged" else float(value),
        error=last_line(record.error) or stop_told(record).strip() or None,
        steps=record.steps,
        seconds=record.wall_seconds,
        ended=ended,
    )


def failure(error: str, *, status: str = "failed") -> Outcome:
    """The outcome of a job that left no record."""
    return Outcome(status=status, value=None, error=error, steps=0, seconds=0.0, ended=False)


def last_line(text: str | None) -> str | None:
    """The line of a traceback that says what was wrong."""
    return text.strip().splitlines()[-1] if text and text.strip() else None
