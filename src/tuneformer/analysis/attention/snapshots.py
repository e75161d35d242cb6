"""The snapshots of a run that can be shown together, and looks into its models as such."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from tuneformer.analysis.attention.batch import MeasuredBatch
from tuneformer.analysis.attention.subject import Subject
from tuneformer.errors import UserError
from tuneformer.measures.head_scores import scores_of
from tuneformer.measures.probe import probe
from tuneformer.measures.snapshot import snapshot_of
from tuneformer.measures.stream_scores import stream_scores
from tuneformer.runs.field_types import is_whole
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
        if not snapshot.inputs:
            notes.append(f"left out: {file} does not say what the model was given")
        elif fault := _fault_of_inputs(subject, snapshot):
            notes.append(f"left out: {file} is damaged: {fault}")
        else:
            found.append(snapshot)
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


def _fault_of_inputs(subject: Subject, snapshot: ProbeSnapshot) -> str | None:
    """What keeps the model from being given these inputs; None where nothing does."""
    inputs, kinds = snapshot.inputs, subject.task_facts.inputs
    if 0 not in inputs or not inputs.keys() <= set(range(len(kinds))):
        return f"it has inputs {', '.join(map(str, sorted(inputs)))} of a model with {len(kinds)}"
    for position, array in inputs.items():
        if array.shape[:1] != (1,) or not array.size:
            return f"inputs/{position} has the shape {array.shape}"
        if kinds[position] == "visible":
            of = position - 1
            if array.dtype != np.bool_ or of not in inputs or array.shape != inputs[of].shape:
                return f"inputs/{position} does not say which of inputs/{of} are visible"
        elif kinds[position] == "tokens" and (fault := _fault_of_tokens(subject, array)):
            return f"inputs/{position} {fault}"
    return None


def _fault_of_tokens(subject: Subject, tokens: NDArray[Any]) -> str | None:
    if tokens.ndim != 2 or tokens.dtype != np.int64:
        return f"has no tokens but {tokens.ndim} dimensions of {tokens.dtype}"
    vocab_size = subject.config["model"].get("vocab_size")
    if not is_whole(vocab_size):
        return f"has tokens of a vocabulary that config.yaml gives as {vocab_size!r:.60}"
    if tokens.min() < 0 or tokens.max() >= vocab_size:
        return f"has tokens beyond the vocabulary of {vocab_size:,}"
    return None


def _shapes(snapshot: ProbeSnapshot) -> dict[Site, tuple[int, ...]]:
    return {site: weights.shape for site, weights in snapshot.weights.items()}


def look(step: int, model: nn.Module, batch: MeasuredBatch, shown: MeasuredBatch) -> ProbeSnapshot:
    """The maps of the example that is shown, and scores of heads and layers over the whole batch."""
    measured = probe(model, batch.inputs)
    scores, streams = scores_of(measured, batch.inputs), stream_scores(measured)
    return snapshot_of(step, model, shown.inputs, probe(model, shown.inputs), scores, streams)


def trimmed(snapshot: ProbeSnapshot, lengths: Mapping[str, Sequence[int]]) -> ProbeSnapshot:
    """The same without padding: so many queries and keys of each stack."""

    def cut(maps: Mapping[Site, NDArray[Any]]) -> dict[Site, NDArray[Any]]:
        return {
            site: array[..., : lengths[site[0]][0], : lengths[site[0]][1]]
            for site, array in maps.items()
            if site[0] in lengths
        }

    return replace(
        snapshot,
        weights=cut(snapshot.weights),
        normed=cut(snapshot.normed),
        allowed=cut(snapshot.allowed),
    )
