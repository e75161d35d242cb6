"""The attempts at a run: an entry each time that it was started, with what it ran on and how far it came."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from tuneformer.runs.record import Record

Attempt = dict[str, Any]


def first_entry(record: Record, *, first_step: int) -> Attempt:
    """The entry of the attempt that begins now: `record` says what it runs on."""
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        **record["git"],
        "versions": record["versions"],
        "hardware": record["hardware"],
        "first_step": first_step,
        "last_step": first_step,
        "seconds": 0.0,
        "status": "running",
    }


def earlier_attempts(before: Record, rows: Iterable[Mapping[str, float]]) -> list[Attempt]:
    """The attempts that a record tells of, all of them over.

    The entry of one that was killed says that it still runs: `rows`, of metrics.csv, tell how far it came
    and how long it trained at least. A record of an older version tells of one attempt.
    """
    attempts = [dict(attempt) for attempt in before.get("attempts") or [_only_attempt(before)]]
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


def close_attempt(record: Record, *, seconds: float) -> None:
    """Writes how the attempt of `record` ended, and what all attempts took together."""
    record["attempts"][-1] |= {
        "last_step": record["steps"],
        "seconds": seconds,
        "status": record["status"],
    }
    record["wall_seconds"] = sum(attempt["seconds"] for attempt in record["attempts"])


def changed_line(attempts: list[Attempt]) -> str | None:
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


def _only_attempt(before: Record) -> Attempt:
    return {
        "started": before["started"],
        **(before.get("git") or {"commit": None, "dirty": None}),
        "versions": before.get("versions"),
        "hardware": before.get("hardware"),
        "first_step": 0,
        "last_step": before.get("steps", 0),
        "seconds": before["wall_seconds"],
        "status": before["status"],
    }
