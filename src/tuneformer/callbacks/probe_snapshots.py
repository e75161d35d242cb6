"""Which of many snapshots of attention stay."""

from pathlib import Path

from tuneformer.runs.probe_files import ProbeSnapshot, snapshot_step, snapshots_in, write_snapshot


def keep_snapshot(run: Path, snapshot: ProbeSnapshot, *, at_most: int) -> None:
    """Writes a snapshot; of more than so many those go that leave the smallest gaps."""
    write_snapshot(run, snapshot)
    there = snapshots_in(run)
    while len(there) > at_most:
        steps = [snapshot_step(file) for file in there]
        inner = range(1, len(steps) - 1)
        there.pop(min(inner, key=lambda i: steps[i + 1] - steps[i - 1])).unlink()
