"""sweep.json: which jobs a sweep has, and in which folder each lies."""

import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tuneformer.config.plain import Config
from tuneformer.errors import UserError
from tuneformer.process.terminal import say
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.field_types import JOB, first_fault, is_folder_name
from tuneformer.runs.files import write_json
from tuneformer.runs.identity import config_hash
from tuneformer.runs.links import check_no_way_out
from tuneformer.runs.lock import lock
from tuneformer.runs.own_folder import MANIFEST
from tuneformer.runs.plain_files import read_json

IN_USE = "sweep={} is in use: another process runs it"

# two jobs may differ in these and be the same run, at the same speed, all the same
NOT_THE_JOB = frozenset(
    {
        "callbacks",
        "launcher",
        "logger",
        "name",
        "notes",
        "optimized_metric",
        "preflight",
        "retry_failed",
        "run_dir",
        "search",
        "sweep",
        "tags",
    }
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A job in the manifest: its overrides, what it is, and its error where it left no record."""

    overrides: tuple[str, ...]
    config_hash: str
    identity: str
    error: str | None = None


class Manifest:
    """The jobs of a sweep by the name of their folder, in the order in which they were first asked for."""

    def __init__(self, folder: Path) -> None:
        """Reads what is there; what is damaged or gone is made again from the jobs' folders, and told."""
        self.path = folder / MANIFEST
        self.jobs: dict[str, Entry] = {}
        self._made_again: set[str] = set()
        self._told = ""
        self._lock: int | None = None
        self.read()

    def read(self) -> None:
        """Reads what is there, such as what another process has added."""
        try:
            self.jobs = _read(self.path)
        except FileNotFoundError:
            self._make_again(f"{self.path} is missing", even_of_none=False)
        except UserError as error:
            self._make_again(str(error), even_of_none=True)

    def _make_again(self, reason: str, *, even_of_none: bool) -> None:
        found = _from_folders(self.path.parent)
        if not found and not even_of_none:
            return
        self.jobs, self._made_again = found, set(found)
        line = f"{reason}: made again from the {len(found)} jobs whose folders are there"
        if line != self._told:
            say(line)
        self._told = line

    def twin(self, config: Config) -> str | None:
        """The name of the job that is the same run as `config` would be, None where there is none."""
        wanted = identity(config)
        return next((name for name, entry in self.jobs.items() if entry.identity == wanted), None)

    def made_again(self, config: Config) -> list[str]:
        """The jobs known by their folders alone that have the weights of `config`."""
        wanted = config_hash(config)
        return [
            name for name in self.jobs if name in self._made_again and self.jobs[name].config_hash == wanted
        ]

    @property
    def with_overrides(self) -> list[Entry]:
        """The jobs whose overrides are known: all that is said of others is the name of a folder."""
        return [entry for name, entry in self.jobs.items() if name not in self._made_again]

    def add(self, jobs: Iterable[tuple[str, tuple[str, ...], Config]]) -> None:
        """Adds jobs (name, overrides, configuration) that are not there yet."""
        for name, overrides, config in jobs:
            if name not in self.jobs or name in self._made_again:
                self._made_again.discard(name)
                self.jobs[name] = Entry(
                    overrides=overrides, config_hash=config_hash(config), identity=identity(config)
                )

    def set_error(self, name: str, error: str | None) -> None:
        """Records why a job left no record, or (None) that this is over."""
        entry = self.jobs[name]
        if entry.error != error:
            self.jobs[name] = Entry(**{**asdict(entry), "error": error})
            self.write()

    def write(self) -> None:
        """Writes the file, whole or not at all; UserError where it cannot be written."""
        try:
            write_json(self.path, {"jobs": {name: asdict(entry) for name, entry in self.jobs.items()}})
        except OSError as error:
            raise UserError(f"{self.path} cannot be written: {error.strerror}") from error

    def acquire(self) -> None:
        """Makes the sweep's folder if need be and locks it until this process ends or `release`.

        Raises:
            UserError: it cannot be written to, a link in it leads elsewhere, or another process runs it.
        """
        folder = self.path.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            check_no_way_out(folder)
            self._lock = os.open(folder, os.O_RDONLY)
            mine = lock(self._lock, place=str(folder))
        except UserError:
            self.release()
            raise
        except OSError as error:
            self.release()
            raise UserError(f"{folder} cannot be written to: {error.strerror}") from error
        if not mine:
            self.release()
            raise UserError(IN_USE.format(folder.name))

    def check_free(self) -> None:
        """Raises UserError if another process runs the sweep now."""
        if RunDirectory(self.path.parent).held():
            raise UserError(IN_USE.format(self.path.parent.name))

    def release(self) -> None:
        """Lets another process run the sweep."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _read(path: Path) -> dict[str, Entry]:
    stored = read_json(path)
    jobs = stored.get("jobs") if isinstance(stored, dict) else None
    if not isinstance(jobs, dict):
        raise UserError(f"{path} is damaged: it has no table of jobs")
    read = {}
    for name, entry in jobs.items():
        if not is_folder_name(name):
            raise UserError(f"{path} is damaged: its job {name!r:.60} is not the name of a folder")
        if not isinstance(entry, dict) or not JOB.keys() - {"error"} <= entry.keys() <= JOB.keys():
            raise UserError(f"{path} is damaged: its job {name} must have {', '.join(JOB)}")
        if fault := first_fault(entry, JOB):
            raise UserError(f"{path} is damaged: of its job {name} {fault}")
        read[name] = Entry(**{**entry, "overrides": tuple(entry["overrides"])})
    return read


def _from_folders(folder: Path) -> dict[str, Entry]:
    """The jobs whose configuration can be read; their overrides as far as the folder's name tells them."""
    found = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        with suppress(UserError):
            config = RunDirectory(path).read_config()
            if config.get("sweep") is None:
                continue
            overrides = path.name.replace("%2F", "/").replace("%25", "%").split(",")
            found[path.name] = Entry(
                overrides=tuple(each for each in overrides if "=" in each),
                config_hash=config_hash(config),
                identity=identity(config),
            )
    return found


def identity(config: Config) -> str:
    """A digest of everything that makes a job another one, its speed and devices included."""
    kept = {key: value for key, value in config.items() if key not in NOT_THE_JOB}
    text = config_hash(config) + json.dumps(kept, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
