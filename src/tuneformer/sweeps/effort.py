"""effort.json: what a sweep spent on each method, for a fair comparison."""

from collections import Counter
from contextlib import suppress
from typing import Any

from tuneformer.config.schema import GROUPS
from tuneformer.errors import UserError
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.files import write_json
from tuneformer.sweeps.manifest import Manifest
from tuneformer.sweeps.points import key_of

EFFORT = "effort.json"
NOT_A_METHOD = ("launcher", "logger", "search", "callbacks")

Effort = dict[str, Any]


def measure_effort(manifest: Manifest) -> list[Effort]:
    """For each method its trials, how they ended, and the optimizer steps and seconds they took together.

    A method is the options that a job's overrides choose; what they set beyond that are its trials.
    """
    folder = manifest.path.parent
    methods: dict[str, Effort] = {}
    for name, entry in manifest.jobs.items():
        chosen = [o for o in entry.overrides if key_of(o) in GROUPS and key_of(o) not in NOT_A_METHOD]
        method = ",".join(sorted(chosen)) or "defaults"
        effort = methods.setdefault(
            method, {"method": method, "trials": 0, "statuses": Counter(), "steps": 0, "seconds": 0.0}
        )
        effort["trials"] += 1
        record = None
        with suppress(UserError):  # it has not begun, or is damaged
            record = RunDirectory(folder / name).read_record()
        status = record.status if record is not None else "failed" if entry.error else "left"
        effort["statuses"][status] += 1
        effort["steps"] += record.steps if record is not None else 0
        effort["seconds"] += record.wall_seconds if record is not None else 0.0
    return list(methods.values())


def write_effort(manifest: Manifest) -> None:
    """Writes the ledger beside the manifest."""
    write_json(manifest.path.with_name(EFFORT), {"methods": measure_effort(manifest)})
