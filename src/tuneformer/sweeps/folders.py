"""Which folder each point of a sweep has: stable when the sweep is extended, and no other's."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tuneformer.checks.bounds import setting
from tuneformer.config.places import check_sweep_name
from tuneformer.config.quoting import quoted, typed
from tuneformer.config.schema import GROUPS
from tuneformer.errors import UserError
from tuneformer.runs.directory import OUTPUTS, RunDirectory
from tuneformer.runs.identity import config_hash, differences
from tuneformer.runs.links import check_no_way_out
from tuneformer.sweeps.composing import Composed
from tuneformer.sweeps.job import Job
from tuneformer.sweeps.job_names import job_name
from tuneformer.sweeps.manifest import Entry, Manifest
from tuneformer.sweeps.points import Point, determines, key_of

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


def make_jobs(
    composed: Sequence[Composed], *, keys: frozenset[str], folder: Path, manifest: Manifest
) -> list[Job]:
    """The points as jobs, each in a folder of its own below `folder`.

    A folder is named by the overrides of `keys`, and by those that the sweep's jobs so far were not given.
    Where the sweep holds the same run under another name already (it was started with fewer swept keys),
    that folder is taken; where another run has the name, what the two differ in is added to it.

    Raises:
        UserError: two points are one run, or a folder holds another run.
    """
    _check_all_different(composed)
    keys = keys | _new_keys(composed, manifest)
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


def _check_all_different(composed: Sequence[Composed]) -> None:
    """Raises UserError for a run that would be trained twice: `optimizer.lr=1,1.0` is one value."""
    seen: dict[str, Point] = {}
    for each in composed:
        text = json.dumps(_one_form(each.config), sort_keys=True, default=str)
        if text in seen:
            raise UserError(f"two jobs are one run: {' '.join(seen[text])} and {' '.join(each.point)}")
        seen[text] = each.point


def _one_form(node: Any) -> Any:
    """The same values, whole numbers written as such."""
    if isinstance(node, dict):
        return {key: _one_form(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_one_form(value) for value in node]
    return int(node) if isinstance(node, float) and node.is_integer() else node


def _new_keys(composed: Sequence[Composed], manifest: Manifest) -> set[str]:
    """The keys of what is trained that not all jobs of the sweep so far were given with the same value."""
    given = [set(entry.overrides) for entry in manifest.with_overrides]
    shared = set.intersection(*given) if given else None
    return {
        key_of(override)
        for each in composed
        for override in each.point
        if shared is not None and override not in shared and determines(key_of(override))
    }


def _name(composed: Composed, *, keys: frozenset[str], folder: Path, manifest: Manifest) -> str:
    point, wanted = composed.point, config_hash(composed.config)
    named = [override for override in point if key_of(override) in keys]
    again = manifest.made_again(composed.config)
    if len(again) == 1:
        return again[0]
    names = []
    while True:
        name = job_name(named)
        entry = manifest.jobs.get(name)
        if entry is not None and entry.config_hash == wanted:
            return name
        names.append(name)
        more = telling_apart(composed, entry, named) if entry is not None else []
        if not more:
            break
        named += more
    twin = manifest.twin(composed.config)
    if twin is not None:
        return twin
    _check_free(composed, folder / names[-1], known=names[-1] in manifest.jobs)
    return names[-1]


def telling_apart(composed: Composed, entry: Entry, named: Sequence[str]) -> list[str]:
    """The overrides of a point that another job of the same name has not, or has with another value.

    Where only the other job was given something, what the point has in its place: `optimizer=adamw` beside
    a job with `optimizer=muon`.
    """
    theirs = [override for override in entry.overrides if determines(key_of(override))]
    mine = [override for override in composed.point if determines(key_of(override))]
    given = {key_of(override) for override in (*mine, *named)}
    absent = {key_of(override) for override in theirs} - given
    by_default = [
        f"{key}={value}" for key in sorted(absent) if (value := _default(composed, key)) is not None
    ]
    return [override for override in (*mine, *by_default) if override not in theirs and override not in named]


def _default(composed: Composed, key: str) -> str | None:
    """What a point has for a key that it was not given, as it would be typed; None for what it has not."""
    if key in (*GROUPS, "experiment"):
        return typed(composed.hydra.runtime.choices.get(key))
    value = setting(composed.config, key)
    return None if value is None else typed(value)


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


def check_is_no_run(folder: Path) -> None:
    """Raises UserError where the folder of a sweep is that of a run, or lies in one."""
    for place in (folder, *(SWEEPS / above for above in folder.relative_to(SWEEPS).parents)):
        if RunDirectory(place).begun():
            name = folder.relative_to(SWEEPS)
            raise UserError(f"sweep={name} is the folder of a run, {place}: choose another sweep=<name>")
