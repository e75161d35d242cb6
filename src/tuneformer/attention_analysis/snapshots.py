"""The snapshots of a run that can be shown together."""

from tuneformer.attention_analysis.subject import Subject
from tuneformer.errors import UserError
from tuneformer.runs.probe_files import ProbeSnapshot, Site, read_snapshot, snapshots_in


def read_snapshots(subject: Subject) -> tuple[list[ProbeSnapshot], list[str]]:
    """Those that can be read, go with the newest and lie before the checkpoint; a line for each left out."""
    found, notes = [], []
    for file in snapshots_in(subject.path):
        try:
            snapshot = read_snapshot(file)
        except UserError as error:
            notes.append(f"left out: {error}")
            continue
        if snapshot.inputs:
            found.append(snapshot)
        else:
            notes.append(f"left out: {file} does not say what the model was given")
    if subject.run is not None:
        last = subject.run.step
        later = [snapshot for snapshot in found if snapshot.step > last]
        if later:
            notes.append(f"left out: snapshots after step {last:,}, that of the checkpoint")
        found = [snapshot for snapshot in found if snapshot.step <= last]
    if found:
        shapes = _shapes(found[-1])
        other = [snapshot.step for snapshot in found if _shapes(snapshot) != shapes]
        notes += [f"left out: the snapshot of step {step:,} has maps of other shapes" for step in other]
        found = [snapshot for snapshot in found if _shapes(snapshot) == shapes]
    return found, notes


def _shapes(snapshot: ProbeSnapshot) -> dict[Site, tuple[int, ...]]:
    return {site: weights.shape for site, weights in snapshot.weights.items()}
