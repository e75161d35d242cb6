"""The attempts at a run: an entry each time that it was started, with what it ran on and how far it came."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from tuneformer.runs.record import Attempt, RunRecord


def first_entry(record: RunRecord, *, first_step: int) -> Attempt:
    """The entry of the attempt that begins now: `record` says what it runs on."""
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        **record.git,
        "versions": record.versions,
        "hardware": record.hardware,
        "first_step": first_step,
        "last_step": first_step,
        "seconds": 0.0,
        "status": "running",
    }


def earlier_attempts(before: RunRecord, rows: Iterable[Mapping[str, float]]) -> list[Attempt]:
    """The attempts that a record tells of, all of them over.

    The entry of one that was killed says that it still runs: `rows`, of metrics.csv, tell how far it came
    and how long it trained at least. A record of an older version tells of one attempt.
    """
    attempts = [dict(attempt) for attempt in before.attempts or [_only_attempt(before)]]
    last = attempts[-1]
    if last["status"] == "running":
        seconds_before = 0.0
        for row in rows:
            if row["step"] <= last["first_step"]:
                seconds_before = row.get("seconds", seconds_before)
            else:
                last["last_step"] = int(row["step"])
                last["seconds"] = max(row.get("seconds", 0.0) - seconds_before, 0.0)
        last["status"] = "interrupted"
    return attempts


def with_closed_attempt(record: RunRecord, *, seconds: float) -> RunRecord:
    """The record with how its attempt ended, and what all attempts took together."""
    *earlier, last = record.attempts
    ended = {"last_step": record.steps, "seconds": seconds, "status": record.status}
    attempts = [*earlier, {**last, **ended}]
    return replace(record, attempts=attempts, wall_seconds=sum(each["seconds"] for each in attempts))


def changed_line(attempts: Sequence[Attempt]) -> str | None:
    """What the last attempt runs on that the one before did not; None where all is equal."""
    if len(attempts) < 2:
        return None
    before, now = (_what_it_runs_on(attempt) for attempt in attempts[-2:])
    changed = [
        f"{name} {now.get(name)} (before: {before.get(name)})"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
    if not changed:
        return None
    return f"this attempt differs from the one before, so that bits may: {', '.join(changed)}"


def _what_it_runs_on(attempt: Attempt) -> dict[str, Any]:
    commit = attempt.get("commit")
    dirty = " with uncommitted changes" if attempt.get("dirty") else ""
    return {
        "commit": f"{str(commit)[:12]}{dirty}" if commit else None,
        **(attempt.get("versions") or {}),
        **(attempt.get("hardware") or {}),
    }


def _only_attempt(before: RunRecord) -> Attempt:
    return {
        "started": before.started,
        **(before.git or {"commit": None, "dirty": None}),
        "versions": before.versions,
        "hardware": before.hardware,
        "first_step": 0,
        "last_step": before.steps,
        "seconds": before.wall_seconds,
        "status": before.status,
    }
