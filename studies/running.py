"""Runs of a study: jobs of a sweep on the local launcher, more of them asked for as others end."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.errors import UserError
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.record import RunRecord
from tuneformer.sweeps.folders import Composed, make_job
from tuneformer.sweeps.job import Job, Outcome
from tuneformer.sweeps.launchers.local import LocalLauncher
from tuneformer.sweeps.manifest import Manifest
from tuneformer.sweeps.sweep import run_jobs

Key = TypeVar("Key")
Call = tuple[Sequence[str], str]
"""The overrides of a run and its folder, below outputs/sweeps/<study>."""


@dataclass(frozen=True)
class RunResult:
    """What became of a run: its record, or the reason why there is none."""

    record: RunRecord | None
    error: str | None


def run_all(
    calls: Mapping[Key, Call],
    *,
    workers: int,
    folder: Path,
    taken: Callable[[Key, RunResult, Collection[Key]], Mapping[Key, Call]],
) -> None:
    """Runs everything in the sweep `folder`, `workers` at a time; what failed before runs again.

    `taken(key, outcome, still open)` is told of each run as it ends, and answers with what to run as well.

    Raises:
        UserError: `workers` is below 1, another process runs the study, or a run cannot be composed.
    """
    if workers < 1:
        raise UserError(f"--workers={workers} must be at least 1")
    manifest = Manifest(folder)
    queue = list(calls.items())
    running: dict[str, Key] = {}

    def jobs() -> Iterator[Job | None]:
        while queue or running:
            if not queue:
                yield None  # what there is to run depends on those that run now
                continue
            key, call = queue.pop(0)
            job = _job(call)
            running[job.name] = key
            manifest.add([(job.name, job.overrides, job.config)])
            manifest.write()
            yield job

    def tell(job: Job, outcome: Outcome) -> None:
        key = running.pop(job.name)
        still_open = [*running.values(), *(other for other, _ in queue)]
        queue.extend(taken(key, _read(job, outcome), still_open).items())

    manifest.acquire()
    try:
        launcher = LocalLauncher(n_jobs=workers)
        run_jobs(jobs(), launcher=launcher, manifest=manifest, retry_failed=True, tell=tell, verbose=False)
    finally:
        manifest.release()


def run_one(call: Call, *, folder: Path) -> RunResult:
    """What one run came to, on all cores."""
    outcomes: list[RunResult] = []

    def take(key: int, outcome: RunResult, still_open: Collection[int]) -> dict[int, Call]:
        del key, still_open
        outcomes.append(outcome)
        return {}

    run_all({0: call}, workers=1, folder=folder, taken=take)
    return outcomes[0]


def _job(call: Call) -> Job:
    overrides, folder = call
    composed, hydra = compose_config(list(overrides))
    point = Composed(point=tuple(overrides), config=check_config(composed, hydra), hydra=hydra)
    return make_job(point, Path(folder))


def _read(job: Job, outcome: Outcome) -> RunResult:
    if outcome.ended:
        return RunResult(RunDirectory(job.folder).read_record(), None)
    return RunResult(None, outcome.error or "no reason given")
