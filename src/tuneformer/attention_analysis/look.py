"""A look into a model as a snapshot, the same as training leaves in probes/."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray
from torch import nn

from tuneformer.attention_analysis.batch import MeasuredBatch
from tuneformer.measures.head_scores import scores_of
from tuneformer.measures.probe import probe
from tuneformer.measures.snapshot import snapshot_of
from tuneformer.measures.stream_scores import stream_scores
from tuneformer.runs.probe_files import ProbeSnapshot, Site


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
