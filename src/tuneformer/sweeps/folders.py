"""Which folder each point of a sweep has: stable when the sweep is extended, and no other's."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from tuneformer.config.places import check_sweep_name
from tuneformer.config.quoting import quoted
from tuneformer.errors import UserError
from tuneformer.runs.directory import OUTPUTS, RunDirectory
from tuneformer.runs.identity import config_hash, differences
from tuneformer.runs.links import check_no_way_out
from tuneformer.sweeps.job import Job
from tuneformer.sweeps.job_names import job_name
from tuneformer.sweeps.manifest import Manifest
from tuneformer.sweeps.points import Point, key_of

Config = dict[str, Any]

SWEEPS = OUTPUTS / "sweeps"


def sweep_folder(name: str | None) -> Path:
    """The folder of a sweep; without a name that of the hour.

    Raises:
        UserError: the name would lead elsewhere, or something in the folder does.
    """
    if name is None:
        return SWEEPS / f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
    check_sweep_name(name)
    check_no_way_out(SWEEPS / name)
    return SWEEPS / name


@dataclass(frozen=True, kw_only=True)
class Composed:
    """A point with its checked configuration and Hydra's own part of it."""

    point: Point
    config: Config = field(repr=False)
    hydra: DictConfig = field(repr=False)


def make_jobs(
    composed: Sequence[Composed], *, keys: frozenset[str], folder: Path, manifest: Manifest
) -> list[Job]:
    """The points as jobs, each in a folder of its own below `folder`.

    A folder is named by the overrides of `keys`. Where the sweep holds the same run under another name
    already (it was started with fewer swept keys), that folder is taken.

    Raises:
        UserError: two points would share a folder, or a folder holds another run.
    """
    taken: dict[str, Point] = {}
    jobs = []
    for each in composed:
        name = _name(each, keys=keys, folder=folder, manifest=manifest)
        if name in taken:
            raise UserError(
                f"two jobs would share the folder {name}: {' '.join(taken[name])} and {' '.join(each.point)}"
            )
        taken[name] = each.point
        jobs.append(make_job(each, folder / name))
    return jobs


def make_job(composed: Composed, folder: Path) -> Job:
    """The point as the job of a folder."""
    place = {"sweep": str(folder.parent.relative_to(SWEEPS)), "run_dir": str(folder)}
    return Job(
        overrides=(*composed.point, *(f"{key}={quoted(value)}" for key, value in place.items())),
        folder=folder,
        config={**composed.config, **place},
        hydra=composed.hydra,
    )


def _name(composed: Composed, *, keys: frozenset[str], folder: Path, manifest: Manifest) -> str:
    name = job_name([override for override in composed.point if key_of(override) in keys])
    entry = manifest.jobs.get(name)
    if entry is not None and entry.config_hash == config_hash(composed.config):
        return name
    twin = manifest.twin(composed.config)
    if twin is not None:
        return twin
    _check_free(composed, folder / name, known=entry is not None)
    return name


def _check_free(composed: Composed, folder: Path, *, known: bool) -> None:
    directory = RunDirectory(folder)
    try:
        there = directory.read_config() if directory.begun() or known else None
    except UserError:  # it has not begun, or is damaged: then this job alone fails
        there = None
    different = differences(composed.config, there) if there is not None else []
    if there is not None and different:
        raise UserError(
            f"sweep={folder.parent.name} holds other overrides: its job {folder.name} has another"
            f" configuration: {', '.join(different)}; choose another sweep=<name>"
        )
