"""record.json: what became of a run, and everything that a reader needs to judge it.

A field says here once what it must be and, where comparisons show it, how: a number with `Shown` stands in
their tables in the terminal, on the page and in the CSV without another line.
"""

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_type_hints

from tuneformer.config.quoting import typed
from tuneformer.errors import UserError
from tuneformer.process.invocation import command_for
from tuneformer.runs.field_types import (
    AMOUNT,
    ATTEMPTS,
    FILE_NAMES,
    FLAG,
    NUMBERS,
    POSITIVE,
    SECONDS,
    TABLE,
    TEXT,
    TEXTS,
    WHOLE,
    WORDS,
    Allowed,
    first_fault,
    or_null,
)
from tuneformer.runs.files import write_json
from tuneformer.runs.lock import is_held
from tuneformer.runs.plain_files import read_json

FORMAT = 2
"""Of the file. 1 named no format, no options, and counted what was seen under the name of the data's unit."""
ENDED = ("finished", "diverged", "pruned")
KILLED = "its process was killed"
STOPPED = "stopped"
STATUSES = ("running", *ENDED, STOPPED, "failed", "interrupted")
TOTAL, MEDIAN = "total", "median"

RecordTable = Mapping[str, Any]
Attempt = dict[str, Any]
OF_DATA = {"fingerprint": TEXT, "kept": FILE_NAMES, "task": TEXT, "unit": TEXT}


class LaterFormat(UserError):  # noqa: N818 - what there is, not what went wrong
    """A record was written by a later version: nothing here may take it for damaged and write over it."""


class Shown(NamedTuple):
    """How comparisons show a number: its label, its form (`report.wording`), and over which runs of a method.

    TOTAL: the sum over all runs, in the ledger; MEDIAN: that of the reported runs, beside their result.
    """

    label: str
    form: str
    over: str


class Field(NamedTuple):
    """What a field must be, what parts of it must be, and how comparisons show it."""

    allowed: Allowed
    parts: Mapping[str, Allowed] = {}
    shown: Shown | None = None


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What record.json says. Fields without a default are in every one that is whole.

    Attributes:
        status: one of STATUSES.
        options: the option that was chosen of each group; empty where the run was made before they were kept.
        seen: tokens, images, ...: the unit of the data.
        train_seconds: of training, evaluation left out; `wall_seconds` are those of all attempts.
        peak_bytes: of memory; null where the process trained other runs as well.
        lost: which rows of metrics.csv are.
        fastest: what `trainer=auto` chose and measured.
    """

    status: Annotated[str, Field(TEXT)]
    config_hash: Annotated[str, Field(TEXT)]
    started: Annotated[str, Field(TEXT)]
    restarts: Annotated[int, Field(WHOLE)]
    steps: Annotated[int, Field(WHOLE, shown=Shown("steps", "count", TOTAL))]
    wall_seconds: Annotated[float, Field(SECONDS)]
    metrics: Annotated[RecordTable, Field(TABLE, {"best": NUMBERS, "final": NUMBERS})]
    data: Annotated[RecordTable, Field(TABLE, OF_DATA)]
    name: Annotated[str | None, Field(or_null(TEXT))] = None
    seed: Annotated[int | None, Field(or_null(WHOLE))] = None
    options: Annotated[Mapping[str, str], Field(WORDS)] = field(default_factory=dict)
    command: Annotated[str, Field(TEXT)] = ""
    search: Annotated[RecordTable, Field(or_null(TABLE))] = field(default_factory=dict)
    error: Annotated[str | None, Field(or_null(TEXT))] = None
    stop: Annotated[RecordTable | None, Field(or_null(TABLE), {"can_go_on": FLAG})] = None
    attempts: Annotated[Sequence[Attempt], Field(ATTEMPTS)] = ()
    lost: Annotated[Sequence[str], Field(TEXTS)] = ()
    git: Annotated[RecordTable, Field(or_null(TABLE))] = field(default_factory=dict)
    versions: Annotated[RecordTable, Field(or_null(TABLE))] = field(default_factory=dict)
    hardware: Annotated[RecordTable, Field(or_null(TABLE), {"threads": or_null(POSITIVE)})] = field(
        default_factory=dict
    )
    model: Annotated[RecordTable, Field(or_null(TABLE))] = field(default_factory=dict)
    signatures: Annotated[RecordTable, Field(or_null(TABLE))] = field(default_factory=dict)
    fastest: Annotated[RecordTable | None, Field(or_null(TABLE), {"chosen": TABLE})] = None
    branch: Annotated[RecordTable | None, Field(or_null(TABLE))] = None
    init: Annotated[RecordTable | None, Field(or_null(TABLE))] = None
    epochs: Annotated[float | None, Field(or_null(AMOUNT))] = None
    seen: Annotated[int, Field(WHOLE)] = 0
    train_seconds: Annotated[float, Field(SECONDS, shown=Shown("seconds", "duration", TOTAL))] = 0.0
    tokens_per_second: Annotated[
        float | None, Field(or_null(AMOUNT), shown=Shown("tokens per second", "rate", MEDIAN))
    ] = None
    peak_bytes: Annotated[
        float | None, Field(or_null(AMOUNT), shown=Shown("peak memory", "size", MEDIAN))
    ] = None
    optimizer_state_bytes: Annotated[
        float | None, Field(or_null(AMOUNT), shown=Shown("optimizer state", "size", MEDIAN))
    ] = None

    @property
    def final(self) -> RecordTable:
        """The metrics at its end."""
        return self.metrics["final"]

    @property
    def best(self) -> RecordTable:
        """Those of the checkpoint that is kept as the best, and its step."""
        return self.metrics["best"]


FIELDS: Mapping[str, Field] = {
    name: hint.__metadata__[0] for name, hint in get_type_hints(RunRecord, include_extras=True).items()
}
NEEDED = frozenset(each.name for each in fields(RunRecord) if each.default is each.default_factory is MISSING)
SHOWN = {name: each.shown for name, each in FIELDS.items() if each.shown is not None}
"""The numbers that comparisons show."""
MUST_BE = {name: each.allowed for name, each in FIELDS.items()} | {
    f"{name}.{part}": allowed for name, each in FIELDS.items() for part, allowed in each.parts.items()
}
"""What every field must be where it is there, by dotted path."""


def write_record(path: Path, record: RunRecord) -> None:
    """Writes record.json, whole or not at all."""
    assert record.status in STATUSES
    write_json(path, {"format": FORMAT, **vars(record)})


def read_record(path: Path) -> RunRecord:
    """What record.json says of the run as it stands now: one that was killed is interrupted, not running.

    Raises:
        UserError: the file is missing or damaged.
    """
    record = stored_record(path)
    if record.status == "running" and not is_held(path.parent):
        # a process that still ends well writes its record before it lets go of the lock
        record = stored_record(path)
        if record.status == "running":
            return replace(record, status="interrupted", error=record.error or KILLED)
    return record


def stored_record(path: Path) -> RunRecord:
    """What the last process wrote into record.json, every field of its type.

    Raises:
        LaterFormat: a later version wrote it.
        UserError: the file is missing or damaged.
    """
    try:
        values = read_json(path)
    except FileNotFoundError as error:
        raise UserError(f"{path.parent} holds no run: it has no record.json") from error
    except UserError as error:
        raise UserError(f"{error}; {_remedy(path)}") from error
    if fault := _fault(values):
        raise UserError(f"{path} is damaged: {fault}; {_remedy(path)}")
    if (version := values.get("format", 1)) > FORMAT:
        raise LaterFormat(
            f"{path} is of format {version}, and this version of tuneformer reads up to {FORMAT}: install the"
            " one that wrote it"
        )
    if version < FORMAT:
        values = _from_format_1(values)
    values["metrics"] = {"final": {}, "best": {}} | values["metrics"]
    return RunRecord(**{name: values[name] for name in FIELDS if values.get(name) is not None})


def _fault(values: Any) -> str | None:
    if not isinstance(values, dict) or values.get("status") not in STATUSES:
        return f"it has no status of {', '.join(STATUSES)}"
    if absent := sorted(NEEDED - values.keys()):
        return f"it has no {', '.join(absent)}"
    return first_fault(values, {"format": POSITIVE, **MUST_BE})


def _from_format_1(values: dict[str, Any]) -> dict[str, Any]:
    memory = values.get("memory")
    memory = memory if isinstance(memory, dict) else {}
    seconds = values.get("train_seconds", values["wall_seconds"])
    tokens, seen = _amount(values.get("tokens")), values.get(values["data"].get("unit", "tokens"))
    return values | {
        "seen": seen if WHOLE[0](seen) else 0,
        "train_seconds": seconds,
        "tokens_per_second": tokens / seconds if tokens is not None and seconds > 0 else None,
        "peak_bytes": _amount(memory.get("peak_bytes")) if memory.get("peak_is_own") else None,
        "optimizer_state_bytes": _amount(memory.get("optimizer_state_bytes")),
    }


def _amount(value: Any) -> float | None:
    return float(value) if AMOUNT[0](value) else None


def _remedy(path: Path) -> str:
    again = shlex.quote(f"run_dir={typed(str(path.parent))}")
    return f"{command_for('train')} {again} makes it again from the run's checkpoint"


def has_ended(record: RunRecord) -> bool:
    """Whether nothing is left to train: a run that only its time stopped can go on."""
    return record.status in ENDED or (record.status == STOPPED and not (record.stop or {}).get("can_go_on"))


def stop_told(record: RunRecord) -> str:
    """Where and why a run stopped before its horizon, behind a comma; empty for any other run."""
    stop = record.stop
    if record.status != STOPPED or not stop:
        return ""
    return f" at step {stop.get('step')} of {stop.get('horizon')}, before its horizon, by {stop.get('by')}"


def run_identifier(path: Path) -> str:
    """A short name for a run directory: the same for every restart in it, another for every other one."""
    return hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
