"""Which run a checkpoint is of, and what else it keeps of that run in case record.json is lost."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tuneformer.errors import UserError
from tuneformer.inference.loading import read_archive
from tuneformer.runs.checkpoint_keys import ORIGIN
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.field_types import first_fault, is_text, is_whole
from tuneformer.runs.metrics_file import iterate_rows
from tuneformer.runs.record import MUST_BE, RunRecord
from tuneformer.runs.rows_written import lost_rows

Origin = Mapping[str, Any]
KEPT_OF_RECORD = ("config_hash", "started", "restarts", "attempts", "lost", "fastest", "init", "wall_seconds")


def origin_writer(record: RunRecord, rows: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
    """What every checkpoint of the run of `record` shall say; `rows`: what metrics.csv has by then."""

    def origin() -> dict[str, Any]:
        kept = {name: getattr(record, name) for name in (*KEPT_OF_RECORD, "options")}
        return {**kept, "fingerprint": record.data["fingerprint"], "rows": rows()}

    return origin


def origin_of(checkpoint: Path) -> Origin | None:
    """What a checkpoint says of its run; None where it says nothing that can be read."""
    origin = read_archive(checkpoint, mapped=True).get(ORIGIN)
    return origin if isinstance(origin, dict) and _is_of_its_types(origin) else None


def _is_of_its_types(origin: dict[str, Any]) -> bool:
    if not {*KEPT_OF_RECORD, "fingerprint", "rows"} <= origin.keys():
        return False
    rows, attempts, fingerprint = origin["rows"], origin["attempts"], origin["fingerprint"]
    if (
        first_fault(origin | {"data": {"fingerprint": fingerprint}}, MUST_BE)
        or not attempts
        or "hardware" not in attempts[-1]
    ):
        return False
    if first_fault({"hardware": attempts[-1]["hardware"]}, MUST_BE):
        return False
    if not isinstance(rows, dict) or not is_whole(rows.get("count")) or not is_text(rows.get("digest")):
        return False
    last = rows.get("last")
    if not isinstance(last, dict) or not all(isinstance(value, int | float) for value in last.values()):
        return False
    return not rows["count"] or is_whole(last.get("step"))


def check_origin(checkpoint: Path, *, config_hash: str, fingerprint: str, vouched: bool, where: str) -> None:
    """Raises UserError unless a checkpoint is of the run with this configuration and these data.

    `vouched`: whether a record says that the run beside the checkpoint is that one, which is all there is
    to go by where the checkpoint itself does not say. `where`: the setting that names the run.
    """
    origin = origin_of(checkpoint)
    remedy = f"put the right one back, or remove {checkpoint.parent} to start over"
    if origin is None and not vouched:
        raise UserError(
            f"{where}: {checkpoint} does not say which run it is of, and there is no readable record.json"
            f" that does: {remedy}"
        )
    if origin is not None and origin["config_hash"] != config_hash:
        raise UserError(f"{where}: {checkpoint} is of a run with another configuration: {remedy}")
    if origin is not None and origin["fingerprint"] != fingerprint:
        raise UserError(f"{where}: {checkpoint} is of a run with other data: {remedy}")


def record_from(origin: Origin, *, step: int) -> RunRecord:
    """What a checkpoint still knows of a record that is lost."""
    return RunRecord(
        **{name: origin[name] for name in KEPT_OF_RECORD},
        options=origin.get("options", {}),
        status="running",
        steps=step,
        hardware=origin["attempts"][-1]["hardware"],
        metrics={"final": {}, "best": {}},
        data={"fingerprint": origin["fingerprint"]},
    )


def rows_lost(directory: RunDirectory, checkpoint: Path | None) -> str | None:
    """What metrics.csv lacks of the rows that the run of `checkpoint` had written; None where it lacks none.

    Raises:
        UserError: metrics.csv cannot be read.
    """
    if checkpoint is None:
        return None
    file, origin = directory.metrics_file, origin_of(checkpoint)
    if origin is not None:
        return lost_rows(file, origin["rows"], iterate_rows(file))
    if file.exists() and next(iterate_rows(file), None) is not None:
        return None
    return f"{file} is missing or empty: the rows of the run so far are lost"
