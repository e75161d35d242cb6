"""Which checkpoint a run goes on from."""

import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tuneformer.errors import UserError
from tuneformer.inference.loading import read_archive
from tuneformer.process.terminal import say
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.metrics_file import iterate_rows
from tuneformer.runs.packed_archive import check_archive
from tuneformer.runs.record import RunRecord
from tuneformer.runs.regular_file import check_regular
from tuneformer.training.callbacks.checkpoints import KEPT, LAST, PREVIOUS
from tuneformer.training.origin import check_origin, origin_of, record_from


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """Where an attempt goes on from: a checkpoint (None: from step 0) and the record of those before it."""

    checkpoint: Path | None
    record: RunRecord | None


def find_beginning(
    directory: RunDirectory, *, config_hash: str, fingerprint: str, tell: Callable[[str], None]
) -> Beginning:
    """Where the run of a configuration and its data goes on in its directory; tells what is not there.

    A record that is missing or damaged is made again from what the checkpoint says of it.

    Raises:
        UserError: the checkpoint, or else the record, is of another run, or no checkpoint can be used.
    """
    record = directory.readable_record()
    checkpoint = usable_checkpoint(directory.checkpoints, tell=tell)
    if record is not None and record.data.get("fingerprint") != fingerprint:
        raise UserError(
            f"run_dir={directory} began with other data than its settings give now: start a new run"
        )
    if checkpoint is None:
        step = max(record.steps if record is not None else 0, last_row_told(directory))
        if record is None and directory.begun():
            tell(f"{directory.record_file} is damaged, and there is no checkpoint: the run starts over")
        elif step:
            tell(
                f"{directory.checkpoints} holds no checkpoint, and the run was at step {step}: it starts over"
            )
        return Beginning(checkpoint=None, record=record)
    check_origin(
        checkpoint,
        config_hash=config_hash,
        fingerprint=fingerprint,
        vouched=record is not None,
        where=f"run_dir={directory}",
    )
    origin = origin_of(checkpoint)
    if record is None and origin is not None:
        tell(f"{directory.record_file} is missing or damaged: it is made again from {checkpoint.name}")
        record = record_from(origin, step=checkpoint_step(checkpoint))
    return Beginning(checkpoint=checkpoint, record=record)


def usable_checkpoint(folder: Path, *, tell: Callable[[str], None] = say) -> Path | None:
    """last.ckpt, or else previous.ckpt, or else the latest that was kept, and tells why; None without any.

    Raises:
        UserError: there are checkpoints, and all are damaged.
    """
    kept = sorted(folder.glob(KEPT.format(step="*")), key=_kept_step, reverse=True)
    missing, damaged = list[str](), list[str]()
    for path in (folder / LAST, folder / PREVIOUS, *kept):
        if not path.exists():
            missing.append(path.name)
        elif is_whole(path):
            reasons = [f"{', '.join(damaged)} is damaged"] if damaged else []
            reasons += [f"{', '.join(missing)} is missing"] if missing else []
            if path.name != LAST:
                step = checkpoint_step(path)
                tell(f"{folder}: {' and '.join(reasons)}: going on from {path.name}, step {step}")
            return path
        else:
            damaged.append(path.name)
    if damaged:
        raise UserError(
            f"{folder} holds no usable checkpoint ({', '.join(damaged)} damaged): remove it to start over"
        )
    return None


def last_row_told(directory: RunDirectory) -> int:
    """The step of the last row of metrics.csv; 0 where there is none that can be read."""
    step = 0
    if directory.metrics_file.exists():
        with suppress(UserError):
            for row in iterate_rows(directory.metrics_file):
                step = int(row["step"])
    return step


def _kept_step(path: Path) -> int:
    number = path.stem.rpartition("_")[2]
    return int(number) if number.isdigit() else -1


def is_whole(path: Path) -> bool:
    """Whether a checkpoint's archive is complete, every checksum in it holds, and torch can read it."""
    try:
        check_regular(path)
        check_archive(path)  # what is packed could unpack to any size
        with zipfile.ZipFile(path) as archive:
            intact = archive.testzip() is None
        return intact and checkpoint_step(path) >= 0
    except Exception:  # there is no telling what else than zipfile's own errors a damaged file raises
        return False


def checkpoint_step(path: Path | None) -> int:
    """The optimizer steps that a checkpoint was written after; 0 for none."""
    if path is None:
        return 0
    return int(read_archive(path, mapped=True)["global_step"])
