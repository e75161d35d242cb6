"""attention.json: everything at full precision."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from tuneformer.analysis.attention.analysis import AttentionAnalysis
from tuneformer.report.attention_page.page_data import finite, site_key
from tuneformer.runs.files import write_whole
from tuneformer.runs.probe_files import Site
from tuneformer.runs.shown_paths import shown_path


def write_json(path: Path, analyses: Sequence[AttentionAnalysis]) -> None:
    """Writes the file, whole or not at all.

    One object a run: `scores` of heads with their `null`, `scores_by_step`, `layers`, `curves`, and `maps`:
    step -> "weights", "normed" -> module -> nested lists (head, query, key), and step -> "rollout" -> stack
    -> (query, key).
    """
    write_whole(path, lambda file: _write(file, analyses))


def _write(file: IO[bytes], analyses: Sequence[AttentionAnalysis]) -> None:
    file.write(b'{"runs": [')
    for number, analysis in enumerate(analyses):
        head = json.dumps(as_json(analysis), allow_nan=False, ensure_ascii=False)
        file.write((", " if number else "").encode() + head[:-1].encode())
        file.write(b', "maps": {')
        for place, step in enumerate(analysis.steps):
            file.write(f'{", " if place else ""}"{step.step}": {{'.encode())
            _write_maps(file, "weights", _by_key(step.snapshot.weights))
            file.write(b", ")
            _write_maps(file, "normed", _by_key(step.snapshot.normed))
            file.write(b", ")
            _write_maps(file, "rollout", step.rollout)
            file.write(b"}")
        file.write(b"}}")
    file.write(b"]}\n")


def as_json(analysis: AttentionAnalysis) -> dict[str, Any]:
    """All but the maps."""
    scores = analysis.scores
    return {
        "run": shown_path(analysis.path),
        "model": analysis.model,
        "task": analysis.task,
        "measured_on": analysis.measured_on,
        "findings": analysis.findings,
        "notes": analysis.notes,
        "step": analysis.last.step,
        "axes": {
            stack: {"queries": axes.queries, "keys": axes.keys, "following": axes.following}
            for stack, axes in analysis.example.axes.items()
        },
        "loss": scores.loss,
        "scores": {
            key: {"values": _numbers(score.values), "null": _numbers(score.null)}
            for key, score in scores.scores.items()
        },
        "scores_by_step": {
            str(step.step): {key: _numbers(sites) for key, sites in step.snapshot.heads.items()}
            for step in analysis.steps
        },
        "layers": {
            stack: {name: [finite(value) for value in values] for name, values in of_stack.items()}
            for stack, of_stack in analysis.layers.items()
        },
        "curves": {"losses": analysis.curves.losses},
    }


def _numbers(values: Mapping[Site, NDArray[Any]]) -> dict[str, list[float | None]]:
    return {site_key(site): [finite(float(x)) for x in array.tolist()] for site, array in values.items()}


def _by_key(maps: Mapping[Site, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {site_key(site): array for site, array in maps.items()}


def _write_maps(file: IO[bytes], kind: str, maps: Mapping[str, NDArray[Any]]) -> None:
    file.write(f'"{kind}": {{'.encode())
    for number, (name, array) in enumerate(maps.items()):
        file.write(f"{', ' if number else ''}{json.dumps(name)}: {_nested(array)}".encode())
    file.write(b"}")


def _nested(array: NDArray[Any]) -> str:
    """Nested lists; nine digits are a float32 exactly."""
    if array.ndim == 1:
        numbers = np.nan_to_num(array).tolist()
        return "[" + ("%.9g," * len(numbers) % tuple(numbers))[:-1] + "]"
    return "[" + ",".join(_nested(part) for part in array) + "]"
