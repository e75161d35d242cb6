"""What the scripts of the page read: all but the maps, which lie beside it in blocks."""

import base64
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneformer.analysis.attention.analysis import AttentionAnalysis, Step
from tuneformer.analysis.attention.example import Image
from tuneformer.measures.registry import ABLATION, OF_HEADS
from tuneformer.report.attention_page.blocks import Mask, deflated, encode, fitting_mask
from tuneformer.runs.probe_files import Site

MOST_BASE64 = 20_000_000
"""Characters of blocks in a page; where maps need more, those weighted by norms are of the last step only."""
MASK_KIND = "allowed"


@dataclass(frozen=True, kw_only=True)
class PageData:
    """`content` is JSON types; `blocks`: element id -> base64."""

    content: dict[str, Any]
    blocks: Mapping[str, str]
    notes: Sequence[str]


def page_data(analyses: Sequence[AttentionAnalysis]) -> PageData:
    """The data of one run, or of two side by side."""
    blocks: dict[str, str] = {}
    notes: list[str] = []
    runs = []
    for number, analysis in enumerate(analyses):
        maps = {"weights": _blocks(number, "weights", analysis.steps, blocks)}
        used = sum(map(len, blocks.values()))
        normed: dict[str, str] = {}
        kept = _blocks(number, "normed", analysis.steps, normed)
        if used + sum(map(len, normed.values())) > MOST_BASE64:
            normed = {}
            kept = _blocks(number, "normed", analysis.steps[-1:], normed)
            notes.append(f"{analysis.name}: norm-weighted maps are kept of the last step only, for the size")
        blocks |= normed
        maps["normed"] = kept
        maps["rollout"] = _rollout_blocks(analysis, number, blocks)
        runs.append(_run(analysis, maps))
    measures = [{"key": m.key, "label": m.name, "says": m.says, "null": m.null} for m in OF_HEADS]
    content = {"measures": measures, "ablation": ABLATION.key, "runs": runs}
    content["comparable"] = comparable(analyses)
    return PageData(content=content, blocks=blocks, notes=notes)


def comparable(analyses: Sequence[AttentionAnalysis]) -> bool:
    """Whether the maps of two runs can be subtracted: the same modules, the same rows and columns."""
    if len(analyses) != 2:
        return False
    first, second = analyses
    return first.heads == second.heads and dict(first.example.axes) == dict(second.example.axes)


def _run(analysis: AttentionAnalysis, maps: dict[str, Any]) -> dict[str, Any]:
    scores = analysis.scores
    axes = analysis.example.axes
    stacks = dict.fromkeys(site[0] for site in analysis.heads)
    image = analysis.example.image
    return {
        "name": analysis.name,
        "measured_on": analysis.measured_on,
        "steps": [{"step": step.step, "checkpoint": step.from_checkpoint} for step in analysis.steps],
        "stacks": {
            stack: {
                "queries": axes[stack].queries,
                "keys": axes[stack].keys,
                "following": axes[stack].following,
            }
            for stack in stacks
        },
        "modules": [
            {"site": site_key(site), "stack": site[0], "layer": site[1], "heads": heads}
            for site, heads in analysis.heads.items()
        ],
        "by_step": [_scores_of(step, analysis) for step in analysis.steps],
        "null": {key: _by_site(score.null) for key, score in scores.scores.items()},
        "loss": scores.loss,
        "guesses": analysis.guesses,
        "curves": {
            "losses": analysis.curves.losses,
            "heads": {
                measure: {
                    site_key(site): [points.get(head, []) for head in range(max(points) + 1)]
                    for site, points in sites.items()
                }
                for measure, sites in analysis.curves.heads.items()
            },
        },
        "maps": maps,
        "image": None if image is None else _image(image),
    }


def _scores_of(step: Step, analysis: AttentionAnalysis) -> dict[str, dict[str, list[float | None]]]:
    """The scores at a step; of the last checkpoint all that were measured."""
    found = {measure: _by_site(sites) for measure, sites in step.snapshot.heads.items()}
    if step is analysis.last and step.from_checkpoint:
        found |= {key: _by_site(score.values) for key, score in analysis.scores.scores.items()}
    return found


def _by_site(values: Mapping[Site, NDArray[Any]]) -> dict[str, list[float | None]]:
    return {site_key(site): [finite(value) for value in array.tolist()] for site, array in values.items()}


def finite(value: float) -> float | None:
    """The number; None where it is none."""
    return value if math.isfinite(value) else None


def site_key(site: Site) -> str:
    """The name of a module, as in metrics.csv."""
    return f"{site[0]}.{site[1]}"


def _blocks(run: int, kind: str, steps: Sequence[Step], blocks: dict[str, str]) -> dict[str, Any]:
    """Puts the maps of a kind into blocks; step -> site -> where they are, their mask, and their range."""
    found: dict[str, Any] = {}
    for step in steps:
        of_step = found.setdefault(str(step.step), {})
        for site, maps in getattr(step.snapshot, kind).items():
            mask = fitting_mask(maps, step.snapshot.allowed.get(site))
            place = _keep(f"{kind}-{run}-{step.step}-{site_key(site)}", maps, mask, blocks)
            of_step[site_key(site)] = place
    return found


def _rollout_blocks(analysis: AttentionAnalysis, run: int, blocks: dict[str, str]) -> dict[str, Any]:
    return {
        str(step.step): {
            stack: _keep(f"rollout-{run}-{step.step}-{stack}", maps[None], None, blocks)
            for stack, maps in step.rollout.items()
        }
        for step in analysis.steps
    }


def _keep(name: str, maps: NDArray[Any], mask: Mask | None, blocks: dict[str, str]) -> dict[str, Any]:
    block = encode(maps, mask)
    blocks[name] = block.data
    place = {"id": name, "low": block.low, "high": block.high}
    return place if mask is None else {**place, "mask": _keep_mask(mask, blocks)}


def _keep_mask(mask: Mask, blocks: dict[str, str]) -> str:
    """The block of a mask; equal masks have one."""
    name = f"{MASK_KIND}-{hashlib.sha256(mask.tobytes()).hexdigest()[:16]}-{mask.shape[0]}"
    if name not in blocks:
        blocks[name] = deflated(mask.astype(np.uint8).tobytes())
    return name


def _image(image: Image) -> dict[str, Any]:
    """Pixels as bytes from the darkest to the lightest, (height, width, channel)."""
    pixels = image.pixels - image.pixels.min()
    scaled = np.rint(pixels / max(float(pixels.max()), 1e-12) * 255).astype(np.uint8)
    channels, height, width = scaled.shape
    return {
        "channels": channels,
        "height": height,
        "width": width,
        "patch": image.patch_size,
        "class_token": image.class_token,
        "pixels": base64.b64encode(scaled.transpose(1, 2, 0).tobytes()).decode("ascii"),
    }
