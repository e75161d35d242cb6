"""record.json: what became of a run, and everything that a reader needs to judge it."""

import hashlib
import os
import platform
import shlex
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tuneformer.config.quoting import typed
from tuneformer.errors import UserError
from tuneformer.invocation import command_for
from tuneformer.runs.field_types import RECORD, first_fault
from tuneformer.runs.files import write_json
from tuneformer.runs.lock import is_held
from tuneformer.runs.plain_files import read_json

Record = dict[str, Any]

NEEDED = frozenset({"config_hash", "data", "metrics", "restarts", "started", "wall_seconds"})
ENDED = ("finished", "diverged", "pruned")
KILLED = "its process was killed"
STOPPED = "stopped"
STATUSES = ("running", *ENDED, STOPPED, "failed", "interrupted")
PACKAGES = (
    "tuneformer",
    "torch",
    "pytorch-lightning",
    "hydra-core",
    "omegaconf",
    "torchmetrics",
    "wandb",
    "numpy",
)


def write_record(path: Path, record: Record) -> None:
    """Writes record.json, whole or not at all."""
    assert record["status"] in STATUSES
    write_json(path, record)


def read_record(path: Path) -> Record:
    """What record.json says of the run as it stands now: one that was killed is interrupted, not running.

    Raises:
        UserError: the file is missing or damaged.
    """
    record = stored_record(path)
    if record["status"] == "running" and not is_held(path.parent):
        # a process that still ends well writes its record before it lets go of the lock
        record = stored_record(path)
        if record["status"] == "running":
            return record | {"status": "interrupted", "error": record.get("error") or KILLED}
    return record


def stored_record(path: Path) -> Record:
    """What the last process wrote into record.json, every field of its type (`field_types.RECORD`).

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        record = read_json(path)
    except FileNotFoundError as error:
        raise UserError(f"{path.parent} holds no run: it has no record.json") from error
    except UserError as error:
        raise UserError(f"{error}; {_remedy(path)}") from error
    fault = None
    if not isinstance(record, dict) or record.get("status") not in STATUSES:
        fault = f"it has no status of {', '.join(STATUSES)}"
    elif absent := sorted(NEEDED - record.keys()):
        fault = f"it has no {', '.join(absent)}"
    if fault := fault or first_fault(record, RECORD):
        raise UserError(f"{path} is damaged: {fault}; {_remedy(path)}")
    record["metrics"] = {"final": {}, "best": {}} | record["metrics"]
    return record


def _remedy(path: Path) -> str:
    again = shlex.quote(f"run_dir={typed(str(path.parent))}")
    return f"{command_for('train')} {again} makes it again from the run's checkpoint"


def has_ended(record: Record) -> bool:
    """Whether nothing is left to train: a run that only its time stopped can go on."""
    return record["status"] in ENDED or (
        record["status"] == STOPPED and not (record.get("stop") or {}).get("can_go_on")
    )


def stop_told(record: Record) -> str:
    """Where and why a run stopped before its horizon, behind a comma; empty for any other run."""
    stop = record.get("stop") or {}
    if record["status"] != STOPPED or not stop:
        return ""
    return f" at step {stop.get('step')} of {stop.get('horizon')}, before its horizon, by {stop.get('by')}"


def package_versions() -> dict[str, str]:
    """The installed version of each package that a result depends on."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def git_state() -> dict[str, Any]:
    """The commit of the project's checkout and whether it had uncommitted changes; nulls outside git."""
    folder = Path(__file__).parent
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        dirty = bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": dirty}


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=5
    )
    return done.stdout.strip()


def host_hardware() -> dict[str, Any]:
    """What this machine is, as far as it can be told without torch."""
    return {"platform": platform.platform(), "processor": _processor(), "cpu_cores": os.cpu_count()}


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def run_identifier(path: Path) -> str:
    """A short name for a run directory: the same for every restart in it, another for every other one."""
    return hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
