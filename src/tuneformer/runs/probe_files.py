"""probes/step_<n>.npz: what attention did with one example at a step of training, and its measures then.

Arrays by name; a site is `<stack>.<layer>`, such as decoder.0:

    weights/<site>            float32 (head, query, key)   as the module gives them: they may be signed, rows
                                                           need not add up to 1
    normed/<site>             float32 (head, query, key)   norm-weighted; absent where a module has none
    allowed/<site>            bool (query, key) or (head, query, key)   absent: every query sees every key
    inputs/<i>                argument i of the model, for this example (1, ...); absent where it is None
    heads/<measure>/<site>    float32 (head,)              over the whole probe batch
    streams/<measure>/<stack> float32 (layer + 1,) or (layer,)   of the residual stream, over that batch
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneformer.errors import UserError, reason_of
from tuneformer.runs.files import write_whole
from tuneformer.runs.packed_archive import read_arrays
from tuneformer.runs.regular_file import open_regular

FOLDER = "probes"
AT_MOST_BYTES = 1 << 32
"""Of the numbers in one file: 64 layers of 16 heads over 1,024 tokens."""
NAME = re.compile(r"step_(\d+)\.npz")
SITE = re.compile(r"(\w+)\.(\d+)")

Site = tuple[str, int]
"""Stack and layer of an attention module; `models.attention.layer_spec.AttentionSite` is one."""

Maps = Mapping[Site, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class ProbeSnapshot:
    """One file of probes/; the module says what the arrays are.

    Attributes:
        step: optimizer steps done.
        weights: of each attention module.
        normed: of those that have it.
        allowed: of those that have a mask.
        inputs: by the position of the argument; those that are None are absent.
        heads: measure -> site -> a number for each head.
        streams: measure -> stack -> a number for each place in the residual stream.
    """

    step: int
    weights: Maps
    normed: Maps = field(default_factory=dict)
    allowed: Maps = field(default_factory=dict)
    inputs: Mapping[int, NDArray[Any]] = field(default_factory=dict)
    heads: Mapping[str, Maps] = field(default_factory=dict)
    streams: Mapping[str, Mapping[str, NDArray[Any]]] = field(default_factory=dict)


def snapshot_file(run: Path, step: int) -> Path:
    """Where the snapshot of a step is, in a run directory."""
    return run / FOLDER / f"step_{step}.npz"


def snapshots_in(run: Path) -> list[Path]:
    """The snapshots of a run directory, by step."""
    files = (run / FOLDER).glob("step_*.npz")
    return sorted((file for file in files if NAME.fullmatch(file.name)), key=snapshot_step)


def write_snapshot(run: Path, snapshot: ProbeSnapshot) -> Path:
    """Writes a snapshot into a run directory, deflated, whole or not at all; returns the file."""
    arrays: dict[str, NDArray[Any]] = {}
    for kind in ("weights", "normed", "allowed"):
        dtype = np.bool_ if kind == "allowed" else np.float32
        for site, array in getattr(snapshot, kind).items():
            arrays[f"{kind}/{_text(site)}"] = np.asarray(array, dtype=dtype)
    for position, array in snapshot.inputs.items():
        arrays[f"inputs/{position}"] = np.asarray(array)
    for measure, maps in snapshot.heads.items():
        for site, array in maps.items():
            arrays[f"heads/{measure}/{_text(site)}"] = np.asarray(array, dtype=np.float32)
    for measure, stacks in snapshot.streams.items():
        for stack, array in stacks.items():
            arrays[f"streams/{measure}/{stack}"] = np.asarray(array, dtype=np.float32)
    file = snapshot_file(run, snapshot.step)
    file.parent.mkdir(parents=True, exist_ok=True)
    # numpy's stub takes names of keyword arguments for options of its own
    write_whole(file, lambda out: np.savez_compressed(out, **arrays))  # pyright: ignore[reportArgumentType]
    return file


def keep_snapshot(run: Path, snapshot: ProbeSnapshot, *, at_most: int) -> None:
    """Writes a snapshot; above `at_most`, deletes those whose removal leaves the smallest gaps."""
    write_snapshot(run, snapshot)
    there = snapshots_in(run)
    while len(there) > at_most:
        steps = [snapshot_step(file) for file in there]
        inner = range(1, len(steps) - 1)
        there.pop(min(inner, key=lambda i: steps[i + 1] - steps[i - 1])).unlink()


def read_snapshot(file: Path) -> ProbeSnapshot:
    """The snapshot in a file.

    Raises:
        UserError: it is missing or damaged; one line that names it.
    """
    try:
        with open_regular(file) as opened:
            return _sorted_out(snapshot_step(file), read_arrays(opened, at_most=AT_MOST_BYTES))
    except FileNotFoundError as error:
        raise UserError(f"{file} does not exist") from error
    # numpy and zipfile raise whatever a damaged or hostile file brings them to
    except Exception as error:
        raise UserError(f"{file} is damaged: {reason_of(error)}") from error


def _sorted_out(step: int, arrays: Mapping[str, NDArray[Any]]) -> ProbeSnapshot:
    maps: dict[str, dict[Site, NDArray[Any]]] = {"weights": {}, "normed": {}, "allowed": {}}
    inputs: dict[int, NDArray[Any]] = {}
    heads: dict[str, dict[Site, NDArray[Any]]] = {}
    streams: dict[str, dict[str, NDArray[Any]]] = {}
    for name, array in arrays.items():
        match name.split("/"):
            case [kind, site] if kind in maps:
                maps[kind][_site(site)] = array
            case ["inputs", position]:
                inputs[int(position)] = array
            case ["heads", measure, site]:
                heads.setdefault(measure, {})[_site(site)] = array
            case ["streams", measure, stack]:
                streams.setdefault(measure, {})[stack] = array
            case _:
                raise ValueError(f"{name} is no array of a snapshot")
    _check_shapes(maps, heads)
    return ProbeSnapshot(step=step, inputs=inputs, heads=heads, streams=streams, **maps)


def _check_shapes(maps: Mapping[str, Maps], heads: Mapping[str, Mapping[Site, NDArray[Any]]]) -> None:
    weights = maps["weights"]
    if not weights:
        raise ValueError("it holds no attention weights")
    for kind, of_kind in maps.items():
        for site, array in of_kind.items():
            known = weights[site].shape
            whole = known[1:] if kind == "allowed" and array.ndim == 2 else known
            if array.shape != whole or len(known) != 3:
                raise ValueError(f"{kind}/{_text(site)} has the shape {array.shape}")
    for measure, of_measure in heads.items():
        for site, array in of_measure.items():
            if array.shape != weights[site].shape[:1]:
                raise ValueError(f"heads/{measure}/{_text(site)} has the shape {array.shape}")


def snapshot_step(file: Path) -> int:
    """The step that a file of probes/ is of."""
    found = NAME.fullmatch(file.name)
    if not found:
        raise ValueError("it is not called step_<number>.npz")
    return int(found[1])


def _text(site: Site) -> str:
    return f"{site[0]}.{site[1]}"


def _site(text: str) -> Site:
    found = SITE.fullmatch(text)
    if not found:
        raise ValueError(f"{text} is not <stack>.<layer>")
    return found[1], int(found[2])
