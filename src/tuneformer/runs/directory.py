"""The run directory: the contract between training and everything after it (docs/architecture.md)."""

import contextlib
import itertools
import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf._utils import get_omega_conf_dumper

from tuneformer.config.moved import as_of_now
from tuneformer.config.plain import Config
from tuneformer.errors import UserError
from tuneformer.runs.field_types import CONFIG, first_fault
from tuneformer.runs.files import write_text
from tuneformer.runs.identity import config_hash, differences
from tuneformer.runs.links import check_no_way_out
from tuneformer.runs.lock import is_held, lock
from tuneformer.runs.plain_files import read_yaml
from tuneformer.runs.record import LaterFormat, RunRecord, read_record, write_record
from tuneformer.runs.regular_file import check_regular

OUTPUTS = Path("outputs")
TOKENIZER_FILE = "tokenizer.json"
CONFIG_GROUPS = frozenset({"attention", "data", "model"})


class AnotherRun(UserError):  # noqa: N818 - what there is, not what went wrong
    """A run directory holds another run than is asked for."""


class RunDirectory:
    """Where one run keeps everything. At most one process holds it at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_file = path / "config.yaml"
        self.record_file = path / "record.json"
        self.metrics_file = path / "metrics.csv"
        self.tokenizer_file = path / TOKENIZER_FILE
        self.checkpoints = path / "checkpoints"
        self._lock: int | None = None
        self._made_here = False
        self._made_around: list[Path] = []

    @classmethod
    def create(cls, name: str) -> "RunDirectory":
        """A new folder outputs/runs/<date>_<time>_<name> that no other process has.

        Raises:
            UserError: outputs/runs cannot be written to.
        """
        safe = "".join(c if c.isalnum() or c in "-_.=," else "-" for c in name)
        stem = f"{datetime.now():%Y-%m-%d_%H-%M-%S}_{safe}"
        for number in itertools.count(1):
            path = OUTPUTS / "runs" / (stem if number == 1 else f"{stem}-{number}")
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                continue
            except OSError as error:
                raise UserError(f"{path} cannot be written to: {error.strerror}") from error
            directory = cls(path)
            directory._made_here = True
            return directory
        raise AssertionError

    def __str__(self) -> str:
        return str(self.path)

    def acquire(self) -> None:
        """Makes the folder if need be and locks it until `release`.

        Raises:
            UserError: it cannot be written to, a link in it leads elsewhere, or another process trains in it.
        """
        self._made_here = self._made_here or not self.path.exists()
        self._made_around = _absent(self.path.parent)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.path, os.O_RDONLY)
            check_no_way_out(self.path)
            self._check_kinds()
            probe = self.path / ".writable"
            probe.touch()
            probe.unlink()
            mine = lock(self._lock, place=f"run_dir={self.path}")
        except UserError:
            self.release()
            raise
        except OSError as error:
            self.release()
            raise UserError(f"run_dir={self.path} cannot be written to: {error.strerror}") from error
        if not mine:
            self.release()
            raise UserError(f"run_dir={self.path} is in use: another process trains in it")

    def _check_kinds(self) -> None:
        """Raises UserError where something else lies in the place of what a run writes."""
        for file in (self.config_file, self.record_file, self.metrics_file, self.tokenizer_file):
            if not file.exists():
                continue
            try:
                check_regular(file)
            except OSError as error:
                raise UserError(f"{file} cannot be written to: {error.strerror}") from error
        if self.checkpoints.exists() and not self.checkpoints.is_dir():
            raise UserError(f"{self.checkpoints} cannot be written to: it is no folder")

    def held(self) -> bool:
        """Whether a process trains in the folder now."""
        return is_held(self.path)

    def release(self) -> None:
        """Lets other processes have the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def discard(self) -> None:
        """Removes the folder again, if it was made here and no run began in it; so with those around it."""
        if self._made_here and not self.record_file.exists():
            shutil.rmtree(self.path, ignore_errors=True)
            with contextlib.suppress(OSError):  # another run has begun in it
                for folder in self._made_around:
                    folder.rmdir()
        self.release()

    def begun(self) -> bool:
        """Whether a run has started in this folder."""
        return self.record_file.exists()

    def read_record(self) -> RunRecord:
        """The record; UserError if it is missing or damaged."""
        return read_record(self.record_file)

    def readable_record(self) -> RunRecord | None:
        """The record; None where it is missing or damaged. LaterFormat where a later version wrote it."""
        try:
            return self.read_record()
        except LaterFormat:
            raise
        except UserError:
            return None

    def write_record(self, record: RunRecord) -> None:
        """Writes the record, whole or not at all."""
        write_record(self.record_file, record)

    def read_config(self) -> Config:
        """The run's configuration as plain values; UserError if it is missing or damaged."""
        return read_config_file(self.config_file)

    def write_config(self, config: Config) -> None:
        """Writes the configuration, whole or not at all."""
        write_text(self.config_file, config_text(config))

    def check_same_run(self, config: Config) -> None:
        """Raises AnotherRun if the folder holds a run of another configuration, by its record or config.yaml.

        Where neither can be read the run's checkpoint is asked, once torch is there.
        """
        record, there = self.readable_record(), self._readable_config()
        different = differences(config, there) if there is not None else []
        if record is not None and record.config_hash != config_hash(config):
            different = different or ["how the values are written"]
        elif record is not None:
            return
        elif self.begun() and there is None and not [*self.checkpoints.glob("*.ckpt")]:
            raise UserError(
                f"{self.record_file} and {self.config_file.name} cannot be read, and there is no checkpoint:"
                f" nothing tells which run this was; remove {self.path} to start over"
            )
        if different:
            raise AnotherRun(
                f"run_dir={self.path} holds a run with another configuration: {', '.join(different)}"
            )

    def _readable_config(self) -> Config | None:
        try:
            return self.read_config()
        except UserError:
            return None


def _absent(folder: Path) -> list[Path]:
    """The folder and those around it that are not there, the innermost first."""
    return list(itertools.takewhile(lambda each: not each.exists(), [folder, *folder.parents]))


def config_text(config: Config) -> str:
    """A configuration as OmegaConf writes it."""
    try:
        plain = _separate(config)
    except TypeError:
        return OmegaConf.to_yaml(OmegaConf.create(config))
    # a third of the time: no tree of nodes is made of it
    return yaml.dump(
        plain, Dumper=get_omega_conf_dumper(), default_flow_style=False, allow_unicode=True, sort_keys=False
    )


def _separate(value: Any) -> Any:
    """A copy that shares no part with itself, so that YAML needs no anchors; TypeError unless it is plain."""
    if type(value) is dict:
        return {_separate(key): _separate(part) for key, part in value.items()}
    if type(value) in (list, tuple):
        return [_separate(part) for part in value]
    means_more = isinstance(value, str) and ("${" in value or "???" in value)
    if means_more or type(value) not in (str, int, float, bool, type(None)):
        raise TypeError(value)
    return value


def read_config_file(path: Path) -> Config:
    """The configuration in a config.yaml as plain values: nothing in it is resolved or built.

    A class that has moved since is named by where it is now, and a setting that is gone is left out.

    Raises:
        UserError: the file is missing or damaged, or a setting is not of its type (`field_types.CONFIG`).
    """
    try:
        config = read_yaml(path)
    except FileNotFoundError as error:
        raise UserError(f"{path} cannot be read: there is none") from error
    if not isinstance(config, dict) or not config.keys() >= CONFIG_GROUPS:
        raise UserError(f"{path} is damaged: it is not the configuration of a run")
    if fault := first_fault(config, CONFIG):
        raise UserError(f"{path} is damaged: {fault}")
    return as_of_now(config)


def find_run(path: str | Path) -> RunDirectory:
    """The run directory at `path`.

    Raises:
        UserError: there is no folder, or no run in it.
    """
    directory = RunDirectory(Path(path))
    if not directory.path.is_dir():
        raise UserError(f"{path} is not a folder: give a run directory, such as outputs/runs/<run>")
    directory.read_record()
    return directory
